#include "capstan/core/producer.h"

#include <gtest/gtest.h>

#include <map>

#include "capstan/base/random.h"
#include "capstan/codec/limits.h"

namespace capstan {
namespace {

EnvelopeId id(std::uint64_t sequence, std::uint64_t clock = 1000) {
  return EnvelopeId::make(clock, 0, Sequence{sequence});
}

TEST(Producer, KnowsNothingAtFirst) {
  const Producer producer;
  EXPECT_EQ(producer.floor(), 0U);
  EXPECT_FALSE(producer.is_settled(1));
  EXPECT_FALSE(producer.id_of(1).has_value());
}

TEST(Producer, ARunOfConsecutiveNumbersAndIdsIsOneEntry) {
  Producer producer;
  for (std::uint64_t n = 1; n <= 100; ++n) producer.settle(n, id(500 + n), Sequence{500 + n});
  EXPECT_EQ(producer.runs().size(), 1U);
  EXPECT_EQ(producer.floor(), 100U);
  EXPECT_EQ(producer.id_of(37), id(537));
  EXPECT_EQ(producer.last_used(), Sequence{600});
}

TEST(Producer, SkippedNumbersAreSettledWithAZeroId) {
  Producer producer;
  producer.settle(1, id(10), Sequence{10});
  producer.settle(2, EnvelopeId{}, Sequence{11});
  producer.settle(3, EnvelopeId{}, Sequence{12});
  producer.settle(4, id(13), Sequence{13});
  EXPECT_EQ(producer.id_of(1), id(10));
  EXPECT_EQ(producer.id_of(2), EnvelopeId{});
  EXPECT_EQ(producer.id_of(3), EnvelopeId{});
  EXPECT_EQ(producer.id_of(4), id(13));
  EXPECT_EQ(producer.runs().size(), 3U);
}

TEST(Producer, AStretchIsOneEntryAndContinuesTheOneBefore) {
  Producer producer;
  producer.settle(1, EnvelopeId{}, Sequence{10});
  producer.settle(2, EnvelopeId{}, Sequence{11}, 1000);
  producer.settle(1002, id(12), Sequence{12});
  EXPECT_EQ(producer.floor(), 1002U);
  EXPECT_EQ(producer.runs().size(), 2U);
  EXPECT_EQ(producer.id_of(1001), EnvelopeId{});
  EXPECT_EQ(producer.id_of(1002), id(12));
}

TEST(Producer, ANumberThatComesLateGetsItsPlace) {
  Producer producer;
  producer.settle(1, id(10), Sequence{10});
  producer.settle(3, id(11), Sequence{11});
  EXPECT_EQ(producer.floor(), 1U);
  EXPECT_FALSE(producer.is_settled(2));
  EXPECT_FALSE(producer.id_of(2).has_value());
  producer.settle(2, id(12), Sequence{12});
  EXPECT_EQ(producer.floor(), 3U);
  EXPECT_EQ(producer.id_of(1), id(10));
  EXPECT_EQ(producer.id_of(2), id(12));
  EXPECT_EQ(producer.id_of(3), id(11));
}

// Method: against a map, with numbers settled out of order within a window and clocks that step.
TEST(Producer, GivesEveryNumberItsIdBack) {
  Random random(7);
  Producer producer;
  std::map<std::uint64_t, EnvelopeId> oracle;
  std::uint64_t clock = 1000;
  for (std::uint64_t sequence = 1; sequence <= 2000; ++sequence) {
    std::uint64_t number = sequence + random.below(20);
    while (oracle.contains(number)) ++number;
    if (random.one_in(10)) clock += random.below(5);
    const EnvelopeId given = random.one_in(20) ? EnvelopeId{} : id(sequence, clock);
    producer.settle(number, given, Sequence{sequence});
    oracle[number] = given;
  }
  for (std::uint64_t number = 1; number < 2100; ++number) {
    ASSERT_EQ(producer.is_settled(number), oracle.contains(number)) << number;
    const auto expected = oracle.find(number);
    ASSERT_EQ(producer.id_of(number), expected == oracle.end()
                                          ? std::optional<EnvelopeId>()
                                          : std::optional<EnvelopeId>(expected->second));
  }
}

TEST(Producer, IdsAreKeptForOneWindowAndNumbersForEver) {
  Producer producer;
  const std::uint64_t total = 3 * kSendWindowEnvelopesMax;
  // Every id has a clock of its own, so that no two numbers share a run.
  for (std::uint64_t n = 1; n <= total; ++n) producer.settle(n, id(n, 1000 + n), Sequence{n});
  EXPECT_LE(producer.runs().size(), kSendWindowEnvelopesMax + 2);
  EXPECT_EQ(producer.floor(), total);
  EXPECT_FALSE(producer.id_of(1).has_value());
  const std::uint64_t oldest = total - kSendWindowEnvelopesMax + 1;
  EXPECT_EQ(producer.id_of(oldest), id(oldest, 1000 + oldest));
}

TEST(Producer, IsMadeAgainFromItsParts) {
  Producer producer;
  producer.settle(1, id(10), Sequence{10});
  producer.settle(5, id(11), Sequence{11});
  EXPECT_EQ(Producer(producer.settled(), producer.runs(), producer.last_used()), producer);
}

// Goal: who jumps ahead again and again leaves no more behind than a session that is full of open
// numbers does, and such a session loses none of them.
TEST(Producer, AWindowOfHolesIsKeptAndBeyondItTheLowestCountsAsSettled) {
  Producer producer;
  for (std::uint64_t n = 1; n <= kSendWindowEnvelopesMax; ++n) {
    producer.settle(2 * n + 1, EnvelopeId{}, Sequence{n});
  }
  producer.settle(1, EnvelopeId{}, Sequence{1});
  EXPECT_EQ(producer.floor(), 1U) << "so many may be open";
  EXPECT_EQ(producer.settled().spans().size(), kSendWindowEnvelopesMax);
  for (std::uint64_t n = 1; n <= 100; ++n) {
    const std::uint64_t number = 2 * (kSendWindowEnvelopesMax + n) + 1;
    producer.settle(number, EnvelopeId{}, Sequence{number});
    EXPECT_EQ(producer.settled().spans().size(), kSendWindowEnvelopesMax);
    EXPECT_EQ(producer.floor(), 2 * n + 1);
    EXPECT_FALSE(producer.is_settled(2 * n + 2));
  }
}

TEST(Producer, NumbersAtTheEndOfTheirRangeAreTheNewestAsAnyOthers) {
  Producer producer;
  producer.settle(1, id(10), Sequence{10});
  producer.settle(UINT64_MAX - 1, id(11), Sequence{11});
  EXPECT_FALSE(producer.id_of(1).has_value()) << "it lies further back than any window";
  EXPECT_EQ(producer.id_of(UINT64_MAX - 1), id(11));
}

}  // namespace
}  // namespace capstan
