// Which settled mail stays on disk for a while, and when it goes.
#include "capstan/core/retention_rule.h"

#include <algorithm>

#include "traffic.h"

namespace capstan {
namespace {

using core_test::frequent_checkpoints;
using core_test::Peer;
using core_test::same_rows;
using core_test::Traffic;

constexpr Sequence kNothing{UINT64_MAX};

// ---- The rule ----

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

// ---- The hub ----

HubConfig keeping(RetentionKind kind, std::uint64_t limit) {
  HubConfig config = frequent_checkpoints();
  config.retention = {kind, limit};
  return config;
}

/// alice has posted 30 envelopes of 5,000 octets to bob, seven or so a segment, and bob has
/// acknowledged all of them.
struct Heard : Traffic {
  explicit Heard(RetentionKind kind, std::uint64_t limit) : Traffic(keeping(kind, limit)) {
    post(30);
    settle();
    pass_checkpoint();
  }
  [[nodiscard]] std::size_t sealed() const {
    const auto& segments = world.state().segments();
    return static_cast<std::size_t>(
        std::count_if(segments.begin(), segments.end(),
                      [](const auto& segment) { return segment.second == SegmentState::kSealed; }));
  }
  /// Destroys what the hub has given up.
  void drop_all() {
    for (const Sequence& first : std::exchange(world.drops, {})) {
      world.tell(SegmentDropped{first, std::nullopt});
    }
    world.commit();
  }
};

TEST(Retention, WithoutOneWhatIsHeardGoes) {
  const Heard heard(RetentionKind::kSettled, 0);
  EXPECT_EQ(heard.sealed(), 0U);
  EXPECT_GE(heard.world.drops.size(), 3U);
}

TEST(Retention, ForeverKeepsAllThatIsHeard) {
  Heard heard(RetentionKind::kForever, 0);
  heard.world.pass_ms(1'000'000'000);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
  EXPECT_GE(heard.sealed(), 3U);
}

TEST(Retention, ACountKeepsTheNewestOfTheHub) {
  Heard heard(RetentionKind::kCount, 15);
  ASSERT_FALSE(heard.world.drops.empty());
  EXPECT_EQ(heard.world.drops.front(), Sequence{1}) << "the oldest goes";
  std::uint64_t kept = 0;
  for (const auto& [first, state] : heard.world.state().segments()) {
    if (state != SegmentState::kDropping) kept += heard.world.state().contents_of(first).envelopes;
  }
  EXPECT_GE(kept, 15U);
  EXPECT_LT(kept, 15U + 8U) << "and no segment more";
}

TEST(Retention, BytesKeepTheNewestOfTheHub) {
  Heard heard(RetentionKind::kBytes, 60'000);
  ASSERT_FALSE(heard.world.drops.empty());
  std::uint64_t kept = 0;
  for (const auto& [first, state] : heard.world.state().segments()) {
    if (state != SegmentState::kDropping) kept += heard.world.state().contents_of(first).bytes;
  }
  EXPECT_GE(kept, 60'000U);
  EXPECT_LT(kept, 60'000U + 2 * core_test::kSegmentBytes);
}

// Nothing happens meanwhile, and no checkpoint comes.
TEST(Retention, WhatIsTooOldGoesByItselfWhenItsTimeHasCome) {
  Heard heard(RetentionKind::kAge, 100);
  EXPECT_TRUE(heard.world.drops.empty());
  const std::size_t sealed = heard.sealed();
  ASSERT_GE(sealed, 3U);
  for (int second = 0; second < 97; ++second) heard.world.pass_ms(1000);
  EXPECT_TRUE(heard.world.drops.empty());
  for (int second = 0; second < 4; ++second) heard.world.pass_ms(1000);
  heard.world.commit();
  EXPECT_EQ(heard.world.drops.size(), sealed);
}

TEST(Retention, AJumpOfTheWallClockMakesNothingTooOldForAMinute) {
  Heard heard(RetentionKind::kAge, 100);
  heard.world.now.wall_ns += 3600 * kNsPerSecond;
  heard.world.pass_ms(1000);
  heard.post(1);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
  for (int second = 0; second < 62; ++second) {
    heard.world.pass_ms(1000);
    heard.world.say(heard.alice, Ping{1});
  }
  heard.world.settle_all();
  EXPECT_FALSE(heard.world.drops.empty()) << "the clock goes on from there";
}

TEST(Retention, AStartKnowsHowMuchEachSegmentHolds) {
  Heard heard(RetentionKind::kCount, 15);
  heard.drop_all();
  heard.post(2);
  EXPECT_TRUE(same_rows(heard.world.recovered(), heard.world.state()));
  std::map<Sequence, SegmentContents> before;
  for (const auto& segment : heard.world.state().segments()) {
    before[segment.first] = heard.world.state().contents_of(segment.first);
  }
  heard.world.restart();
  for (const auto& [first, contents] : before) {
    EXPECT_EQ(heard.world.state().contents_of(first), contents) << first.value;
    EXPECT_GT(contents.envelopes, 0U) << first.value;
  }
}

TEST(Retention, TraceFindsWhatIsKeptAsSettled) {
  Traffic traffic(keeping(RetentionKind::kForever, 0));
  traffic.post(1);
  const EnvelopeId id = traffic.alice.take_one<Accept>().first_id;
  traffic.post(29);
  traffic.settle();
  traffic.pass_checkpoint();
  EXPECT_TRUE(traffic.world.drops.empty());
  Peer& admin = traffic.world.connect("operator", {}, AgentRole::kAdmin);
  const ParamMap which =
      ParamMap().set("envelope_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
  traffic.world.say(admin, Request{7, "trace", encode_params(which)});
  traffic.world.settle_all();
  const Response answer = admin.take_one<Response>();
  ASSERT_EQ(answer.code, ErrorCode::kOk) << answer.message;
  EXPECT_EQ(decode_params(answer.result)->text("state"), "settled");
}

TEST(Retention, WhatIsKeptIsNotThinnedEither) {
  HubConfig config = keeping(RetentionKind::kForever, 0);
  config.cold_percent = 90;
  Traffic traffic(config, {"alice", "bob", "carol"});
  traffic.world.send(traffic.alice, ++traffic.number, "carol", "she never comes");
  traffic.post(30);
  traffic.world.ack_up_to(traffic.bob, 30);
  traffic.world.pass_ms(60);
  traffic.world.settle_all();
  traffic.pass_checkpoint();
  for (int turn = 0; turn < 5; ++turn) traffic.world.pass_ms(2);
  EXPECT_TRUE(traffic.world.cold_parts.empty());
  EXPECT_TRUE(traffic.world.reads.empty());
}

TEST(Retention, StatusSaysWhatIsKeptByItAlone) {
  Heard heard(RetentionKind::kForever, 0);
  EXPECT_EQ(heard.world.counter("retained_segments"), heard.sealed());
  EXPECT_GT(heard.world.counter("retained_bytes"), 5000U * 7 * 3);
  heard.post(20);
  heard.pass_checkpoint();
  const std::uint64_t retained = heard.world.counter("retained_segments");
  EXPECT_LT(retained, heard.sealed()) << "what waits is kept for itself";
}

// ---- A low disk ----

TEST(Retention, WhileTheDiskIsLowTheOldestGivesWayOneAtATime) {
  Heard heard(RetentionKind::kCount, 1'000'000);
  ASSERT_TRUE(heard.world.drops.empty());
  heard.world.tell(DiskSpace{DiskState::kLow, 1});
  heard.world.commit();
  EXPECT_EQ(heard.world.drops, std::vector{Sequence{1}});
  EXPECT_TRUE(heard.world.audited("retention_gives_way"));
  heard.drop_all();
  heard.pass_checkpoint();
  ASSERT_EQ(heard.world.drops.size(), 1U) << "the next one, without any mail between";
  EXPECT_GT(heard.world.drops.front(), Sequence{1});
  heard.world.tell(DiskSpace{DiskState::kOk, 1'000'000'000});
  heard.drop_all();
  heard.post(1);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty()) << "there is room again";
}

TEST(Retention, ForeverDoesNotGiveWay) {
  Heard heard(RetentionKind::kForever, 0);
  heard.world.tell(DiskSpace{DiskState::kFull, 1});
  heard.world.commit();
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
}

}  // namespace
}  // namespace capstan
