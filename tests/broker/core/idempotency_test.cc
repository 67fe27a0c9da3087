// The same key within an hour is the same envelope. PROTOCOL.md §6.11.
#include "capstan/core/idempotency.h"

#include <algorithm>

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::World;

constexpr std::uint64_t kStart = 1'700'000'000 * kNsPerSecond;

AgentId agent(std::uint8_t octet) {
  AgentId id;
  id.bytes.fill(octet);
  return id;
}

EnvelopeId id_at(std::uint64_t clock_ns, std::uint64_t sequence) {
  return EnvelopeId::make(clock_ns, 0, Sequence{sequence});
}

Bytes key(const std::string& text) { return as_bytes(text); }

TEST(IdempotencyKeys, AKeyIsKnownForAnHourAndToItsSenderAlone) {
  IdempotencyKeys keys;
  keys.note(agent(1), key("k"), id_at(kStart, 5));
  EXPECT_EQ(keys.find(agent(1), key("k"), kStart), id_at(kStart, 5));
  EXPECT_EQ(keys.find(agent(1), key("k"), kStart + kKeyWindowNs), id_at(kStart, 5));
  EXPECT_FALSE(keys.find(agent(1), key("k"), kStart + kKeyWindowNs + 1).has_value());
  EXPECT_FALSE(keys.find(agent(1), key("other"), kStart).has_value());
  EXPECT_FALSE(keys.find(agent(2), key("k"), kStart).has_value());
}

TEST(IdempotencyKeys, AKeyThatComesAgainAfterItsHourStandsForTheNewEnvelope) {
  IdempotencyKeys keys;
  keys.note(agent(1), key("k"), id_at(kStart, 5));
  const std::uint64_t later = kStart + 2 * kKeyWindowNs;
  keys.note(agent(1), key("k"), id_at(later, 9));
  for (std::size_t i = 0; i < kKeysPerGroup; ++i) {
    keys.note(agent(1), key("f" + std::to_string(i)), id_at(later, 10 + i));
  }
  EXPECT_EQ(keys.find(agent(1), key("k"), later), id_at(later, 9))
      << "also after the group of the old one";
}

TEST(IdempotencyKeys, OldKeysAreForgottenInGroups) {
  IdempotencyKeys keys;
  for (std::size_t i = 0; i < 2 * kKeysPerGroup; ++i) {
    keys.note(agent(1), key(std::to_string(i)), id_at(kStart, i + 1));
  }
  EXPECT_EQ(keys.size(), 2 * kKeysPerGroup);
  keys.note(agent(2), key("k"), id_at(kStart + 2 * kKeyWindowNs, 9));
  EXPECT_EQ(keys.size(), 1U) << "another sender's traffic is enough";
}

TEST(IdempotencyKeys, OneSenderKeepsAtMostItsShare) {
  IdempotencyKeys keys;
  const std::size_t noted = kKeysPerSenderMax + kKeysPerGroup;
  for (std::size_t i = 0; i < noted; ++i) {
    keys.note(agent(1), key(std::to_string(i)), id_at(kStart, i + 1));
  }
  EXPECT_LE(keys.size(), kKeysPerSenderMax);
  EXPECT_FALSE(keys.find(agent(1), key("0"), kStart).has_value()) << "the oldest go first";
  EXPECT_TRUE(keys.find(agent(1), key(std::to_string(noted - 1)), kStart).has_value());
}

TEST(IdempotencyKeys, RowsMakeTheSameKeys) {
  IdempotencyKeys keys;
  std::vector<StateRow> saved;
  std::vector<std::string> deletes;
  for (std::size_t i = 0; i < 3 * kKeysPerGroup / 2; ++i) {
    keys.note(agent(1), key(std::to_string(i)), id_at(kStart, i + 1));
    if (i % 100 == 0) keys.take_dirty(saved, deletes);
  }
  keys.take_dirty(saved, deletes);
  std::map<std::string, std::string> rows;
  for (const StateRow& row : saved) rows[row.key] = row.value;
  IdempotencyKeys loaded;
  std::uint64_t serial = 0;
  for (const auto& entry : rows) {
    EXPECT_TRUE(loaded.load(agent(1), serial++, as_bytes(entry.second)));
  }
  std::vector<StateRow> again;
  loaded.for_each_row([&](const StateRow& row) { again.push_back(row); });
  ASSERT_EQ(again.size(), rows.size());
  for (const StateRow& row : again) EXPECT_EQ(rows.at(row.key), row.value);
  EXPECT_EQ(loaded.find(agent(1), key("7"), kStart), id_at(kStart, 8));
  EXPECT_EQ(loaded.size(), keys.size());
  EXPECT_TRUE(deletes.empty());
}

TEST(IdempotencyKeys, ASenderThatBeginsAnewKeepsItsRow) {
  IdempotencyKeys keys;
  keys.note(agent(1), key("old"), id_at(kStart, 1));
  std::vector<StateRow> saved;
  std::vector<std::string> deletes;
  keys.take_dirty(saved, deletes);
  const std::string row = saved.back().key;
  const std::uint64_t later = kStart + 2 * kKeyWindowNs;
  keys.note(agent(2), key("k"), id_at(later, 2));
  keys.note(agent(1), key("new"), id_at(later, 3));
  saved.clear();
  keys.take_dirty(saved, deletes);
  EXPECT_TRUE(
      std::any_of(saved.begin(), saved.end(), [&](const StateRow& put) { return put.key == row; }));
  EXPECT_TRUE(deletes.empty()) << "deletes come after the puts";
}

TEST(IdempotencyKeys, ARowOfAnotherLengthIsRefused) {
  IdempotencyKeys keys;
  for (std::size_t length = 1; length < 32; ++length) {
    EXPECT_FALSE(keys.load(agent(1), 0, ByteBuffer(length))) << length;
  }
}

// ---- In the hub ----

ByteBuffer keyed(const World& world, const std::string& text, const std::string& idempotency_key) {
  Envelope envelope = world.envelope("bob", text);
  envelope.idempotency_key = idempotency_key;
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  return bytes;
}

struct Poster {
  Poster() { world.attach(alice, "alice", posting()); }
  EnvelopeId send(std::uint64_t number, const std::string& text, const std::string& with_key) {
    world.say(alice, SendView{1, number, keyed(world, text, with_key)});
    world.commit();
    return alice.take_one<Accept>().first_id;
  }
  World world;
  Peer& alice = world.connect("alice");
};

TEST(Idempotency, TheSameKeyUnderAnotherNumberIsAcceptedWithTheFirstId) {
  Poster poster;
  const EnvelopeId first = poster.send(1, "once", "order-4711");
  EXPECT_EQ(poster.send(2, "twice", "order-4711"), first);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
  EXPECT_NE(poster.send(3, "other", "order-4712"), first);
  EXPECT_EQ(poster.world.counter("deduplicated"), 1U);
}

TEST(Idempotency, TwoOfOneKeyInOneCommitAreOne) {
  Poster poster;
  poster.world.say(poster.alice, SendView{1, 1, keyed(poster.world, "a", "k")},
                   SendView{1, 2, keyed(poster.world, "b", "k")});
  poster.world.commit();
  const auto accepts = poster.alice.take<Accept>();
  ASSERT_EQ(accepts.size(), 2U);
  EXPECT_EQ(accepts[0].first_id, accepts[1].first_id);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

TEST(Idempotency, ItIsKnownInANewEpochAndAfterARestart) {
  Poster poster;
  const EnvelopeId first = poster.send(1, "once", "k");
  poster.world.restart();
  Peer& again = poster.world.connect("alice");
  poster.world.attach(again, "alice", posting(99));
  poster.world.say(again, SendView{1, 1, keyed(poster.world, "again", "k")});
  poster.world.commit();
  EXPECT_EQ(again.take_one<Accept>().first_id, first);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

TEST(Idempotency, ARetryOfTheDuplicatesNumberIsAnsweredTheSame) {
  Poster poster;
  const EnvelopeId first = poster.send(1, "once", "k");
  EXPECT_EQ(poster.send(2, "twice", "k"), first);
  poster.world.restart();
  Peer& again = poster.world.connect("alice");
  core_test::Binding binding = posting();
  binding.first_number = 2;
  poster.world.attach(again, "alice", binding);
  poster.world.say(again, SendView{1, 2, keyed(poster.world, "twice", "k")});
  poster.world.commit();
  EXPECT_EQ(again.take_one<Accept>().first_id, first);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

TEST(Idempotency, AFullInboxRefusesNoDuplicate) {
  HubConfig config = core_test::quiet_config();
  config.inbox_envelopes_max = 1;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.say(alice, SendView{1, 1, keyed(world, "once", "k")},
            SendView{1, 2, keyed(world, "twice", "k")}, SendView{1, 3, keyed(world, "new", "l")});
  world.commit();
  EXPECT_EQ(alice.take<Accept>().size(), 2U);
  EXPECT_EQ(alice.take_errors(), std::vector<ErrorCode>{ErrorCode::kInboxFull});
}

}  // namespace
}  // namespace capstan
