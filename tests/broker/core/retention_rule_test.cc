// Which segments are kept although all in them has been heard.
#include "capstan/core/retention_rule.h"

#include <gtest/gtest.h>

#include "capstan/base/clock.h"
#include "capstan/codec/envelope.h"

namespace capstan {
namespace {

constexpr Sequence kNothing{UINT64_MAX};

/// Segments at 10, 20, 30 and 40, the last one open; one envelope a second in each, and one more in
/// each later segment.
State four_segments() {
  State state;
  Block block;
  block.base = Sequence{1};
  ByteBuffer envelope;
  encode_envelope(Envelope{}, envelope);
  std::uint64_t position = 0;
  for (std::uint64_t segment = 1; segment <= 4; ++segment) {
    encode_record(SegmentRecord{Sequence{10 * segment}, SegmentState::kOpen}, block.records);
    ++block.record_count;
    for (std::uint64_t i = 0; i < segment; ++i) {
      ++block.record_count;
      const EnvelopeId id =
          EnvelopeId::make(segment * kNsPerSecond, 0, Sequence{block.record_count});
      stamp_envelope(envelope.data(), id, 5, ChannelId{}, AgentId{});
      encode_record(EnvelopeRecord{Position{++position}, 0, 0, {}, envelope}, block.records);
    }
  }
  EXPECT_TRUE(state.apply(block).ok());
  return state;
}

TEST(RetentionRule, KindsAreNamedAndNothingElseIsAKind) {
  for (const RetentionKind kind :
       {RetentionKind::kSettled, RetentionKind::kAge, RetentionKind::kBytes, RetentionKind::kCount,
        RetentionKind::kForever}) {
    EXPECT_EQ(retention_kind_of_text(retention_kind_text(kind)), kind);
  }
  for (const std::string_view none : {"", "Age", "ages", "none"}) {
    EXPECT_FALSE(retention_kind_of_text(none).has_value()) << none;
  }
}

TEST(RetentionRule, SettledKeepsNothingAndForeverAll) {
  const State state = four_segments();
  EXPECT_EQ(retained_from({RetentionKind::kSettled, 0}, state, 0), kNothing);
  EXPECT_LE(retained_from({RetentionKind::kForever, 0}, state, UINT64_MAX), Sequence{10});
}

TEST(RetentionRule, ACountKeepsTheSegmentWithTheOldestOfSoMany) {
  const State state = four_segments();
  const auto from = [&](std::uint64_t count) {
    return retained_from({RetentionKind::kCount, count}, state, 0);
  };
  EXPECT_EQ(from(1), Sequence{40});
  EXPECT_EQ(from(4), Sequence{40});
  EXPECT_EQ(from(5), Sequence{30});
  EXPECT_EQ(from(7), Sequence{30});
  EXPECT_EQ(from(8), Sequence{20});
  EXPECT_EQ(from(10), Sequence{10});
  EXPECT_EQ(from(1000), Sequence{10});
}

TEST(RetentionRule, BytesKeepTheSegmentWithTheOldestOfSoMany) {
  const State state = four_segments();
  const std::uint64_t newest = state.contents_of(Sequence{40}).bytes;
  ASSERT_GT(newest, 0U);
  const auto from = [&](std::uint64_t bytes) {
    return retained_from({RetentionKind::kBytes, bytes}, state, 0);
  };
  EXPECT_EQ(from(newest), Sequence{40});
  EXPECT_EQ(from(newest + 1), Sequence{30});
  EXPECT_EQ(from(UINT64_MAX), Sequence{10});
}

TEST(RetentionRule, AnAgeKeepsASegmentUntilItsNewestEnvelopeIsOlder) {
  const State state = four_segments();
  const auto from = [&](std::uint64_t wall_ns) {
    return retained_from({RetentionKind::kAge, 10}, state, wall_ns);
  };
  EXPECT_EQ(from(0), Sequence{10});
  EXPECT_EQ(from(11 * kNsPerSecond - 1), Sequence{10});
  EXPECT_EQ(from(11 * kNsPerSecond), Sequence{20});
  EXPECT_EQ(from(13 * kNsPerSecond), Sequence{40});
  EXPECT_EQ(from(14 * kNsPerSecond), kNothing);
}

TEST(RetentionRule, ASegmentWithoutMailIsPassedOver) {
  State state;
  Block block;
  block.base = Sequence{1};
  block.record_count = 2;
  encode_record(SegmentRecord{Sequence{10}, SegmentState::kSealed}, block.records);
  encode_record(SegmentRecord{Sequence{20}, SegmentState::kOpen}, block.records);
  ASSERT_TRUE(state.apply(block).ok());
  EXPECT_EQ(retained_from({RetentionKind::kCount, 100}, state, 0), kNothing);
}

}  // namespace
}  // namespace capstan
