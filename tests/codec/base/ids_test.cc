#include "capstan/base/ids.h"

#include <gtest/gtest.h>

#include <limits>
#include <type_traits>
#include <unordered_set>

namespace capstan {
namespace {

constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t kClockNs = 0x0102030405060708;

EnvelopeId id_at(std::uint64_t clock_ns, std::uint64_t sequence) {
  return EnvelopeId::make(clock_ns, 0, Sequence{sequence});
}

TEST(EnvelopeIdDeathTest, ASequenceBeyond48BitsIsAProgrammerError) {
  EXPECT_DEATH((void)id_at(0, kSequenceMax + 1), "check failed");
}

TEST(AgentId, TextThatIsNot32LowerCaseHexDigitsIsNoId) {
  const std::string text(32, 'a');
  EXPECT_FALSE(AgentId::from_text("").has_value());
  EXPECT_FALSE(AgentId::from_text(text.substr(1)).has_value());
  EXPECT_FALSE(AgentId::from_text(text + "a").has_value());
  EXPECT_FALSE(AgentId::from_text(std::string(32, 'A')).has_value());
  EXPECT_TRUE(AgentId::from_text(text).has_value());
}

TEST(AgentId, TextAndBytesAreTheSameId) {
  const auto id = AgentId::from_text("000102030405060708090a0b0c0d0eff");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->bytes[1], 1);
  EXPECT_EQ(id->bytes[15], 0xff);
  EXPECT_EQ(id->hex(), "000102030405060708090a0b0c0d0eff");
  EXPECT_EQ(AgentId::from_bytes(id->view().data()), *id);
}

TEST(AgentId, OnlySixteenZeroBytesAreZero) {
  AgentId id;
  EXPECT_TRUE(id.is_zero());
  for (std::uint8_t& byte : id.bytes) {
    byte = 1;
    EXPECT_FALSE(id.is_zero());
    byte = 0;
  }
}

TEST(AgentId, AnAgentAndItsMailboxShareSixteenBytes) {
  const auto agent = AgentId::from_text("0123456789abcdef0123456789abcdef");
  ASSERT_TRUE(agent.has_value());
  EXPECT_EQ(mailbox_of(*agent).hex(), agent->hex());
  EXPECT_EQ(owner_of_mailbox(mailbox_of(*agent)), *agent);
}

TEST(EnvelopeId, LayoutIsClockShardSequenceBigEndian) {
  const EnvelopeId id = EnvelopeId::make(kClockNs, 0x090a, Sequence{0x0b0c0d0e0f10});
  EXPECT_EQ(id.hex(), "0102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(id.clock_ns(), kClockNs);
  EXPECT_EQ(id.shard(), 0x090a);
  EXPECT_EQ(id.sequence(), Sequence{0x0b0c0d0e0f10});
}

TEST(EnvelopeId, TextComesBackAsTheSameId) {
  const EnvelopeId id = id_at(kClockNs, kSequenceMax);
  EXPECT_EQ(EnvelopeId::from_text(id.hex()), id);
  EXPECT_EQ(EnvelopeId::from_bytes(id.view().data()), id);
  EXPECT_FALSE(EnvelopeId::from_text("not an id").has_value());
}

// Goal: byte order is the order of acceptance, across every byte boundary.
TEST(EnvelopeId, ALaterClockOrSequenceIsAGreaterId) {
  for (unsigned bit = 1; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    EXPECT_LT(id_at(power - 1, kSequenceMax), id_at(power, 0)) << bit;
    if (power <= kSequenceMax) {
      EXPECT_LT(id_at(kClockNs, power - 1), id_at(kClockNs, power)) << bit;
    }
  }
}

TEST(EnvelopeId, PlusIsTheIdThatManySequencesLater) {
  const EnvelopeId id = EnvelopeId::make(kClockNs, 7, Sequence{0xfe});
  EXPECT_EQ(id.plus(0), id);
  EXPECT_EQ(id.plus(3), EnvelopeId::make(kClockNs, 7, Sequence{0x101}));
}

TEST(Number, DifferentMeaningsDoNotMix) {
  static_assert(!std::is_convertible_v<Sequence, Position>);
  static_assert(!std::is_convertible_v<Sequence, std::uint64_t>);
  static_assert(!std::is_convertible_v<std::uint64_t, Sequence>);
  static_assert(!std::is_convertible_v<AgentId, ChannelId>);
  Sequence sequence{41};
  EXPECT_EQ((++sequence).value, 42U);
  EXPECT_EQ(sequence.plus(8), Sequence{50});
  EXPECT_LT(sequence, Sequence{43});
}

// Goal: ids that differ in one half only do not share a hash, so no half is ignored.
TEST(Hash, IdsThatDifferInOneHalfDiffer) {
  std::unordered_set<std::size_t> hashes;
  for (std::uint64_t n = 1; n < 1'000; ++n) {
    hashes.insert(std::hash<AgentId>{}(AgentId{id_at(n, 0).bytes}));
    hashes.insert(std::hash<ChannelId>{}(ChannelId{id_at(kClockNs, n).bytes}));
  }
  EXPECT_EQ(hashes.size(), 2U * 999U);
}

TEST(Hash, EqualKeysMeet) {
  std::unordered_set<AgentId> agents;
  std::unordered_set<Sequence> sequences;
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    const AgentId agent{id_at(n, n).bytes};
    EXPECT_TRUE(agents.insert(agent).second);
    EXPECT_FALSE(agents.insert(agent).second);
    EXPECT_TRUE(sequences.insert(Sequence{n}).second);
    EXPECT_FALSE(sequences.insert(Sequence{n}).second);
  }
}

}  // namespace
}  // namespace capstan
