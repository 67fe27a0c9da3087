// Mail that is stored nowhere: a receiver gets it at once, or the sender gets it back.
#include "capstan/codec/limits.h"
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Errors = std::vector<ErrorCode>;
using Texts = std::vector<std::string>;

/// alice posts in epoch 7; the mailboxes of bob and dave store nothing, carol's does.
struct PassOn : ::testing::Test {
  static HubConfig config() {
    HubConfig config = core_test::quiet_config();
    config.lease_ms = 1'000'000'000;
    return config;
  }
  static AdmittedKey storing_nothing(const std::string& name) {
    AdmittedKey key = core_test::key_of(name);
    key.durability = Durability::kMemory;
    return key;
  }
  PassOn() {
    world.tell(KeysChanged{{core_test::key_of("alice"), core_test::key_of("carol"),
                            storing_nothing("bob"), storing_nothing("dave")}});
    world.settle_all();
    world.attach(alice, "alice", posting());
  }

  Peer& receiver(const core_test::Binding& binding = receiving()) {
    Peer& peer = world.connect("bob");
    world.attach(peer, "bob", binding);
    return peer;
  }
  void send(std::uint64_t number, const std::string& to = "bob") {
    world.send(alice, number, to, std::to_string(number));
  }
  /// Numbers that the peer has heard to be accepted.
  static std::vector<std::uint64_t> accepted(Peer& peer) {
    std::vector<std::uint64_t> numbers;
    for (const Accept& accept : peer.take<Accept>()) {
      for (std::uint64_t i = 0; i < accept.count; ++i) numbers.push_back(accept.first_number + i);
    }
    return numbers;
  }
  const Producer& numbers_of_alice() {
    const Producer* producer = world.state().find_producer({world.id("alice"), 7});
    EXPECT_NE(producer, nullptr);
    return *producer;
  }

  World world{config(), {"alice", "carol"}};
  Peer& alice = world.connect("alice");
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(PassOn, GoesToAReceiverAtOnceAndNeverIntoTheJournal) {
  Peer& bob = receiver();
  send(1);
  send(2);
  EXPECT_EQ(accepted(alice), (Numbers{1, 2})) << "nothing was synced";
  const auto mail = bob.take<Notified>();
  ASSERT_EQ(mail.size(), 2U);
  EXPECT_EQ(mail[0].text(), "1");
  EXPECT_EQ(mail[0].attempt, 1U);
  EXPECT_EQ(mail[0].position, Position{});
  EXPECT_EQ(mail[0].envelope.sender_id, world.id("alice"));
  EXPECT_EQ(mail[0].envelope.created_at_ns, world.now.wall_ns);
  world.settle_all();
  EXPECT_EQ(world.count_records(RecordType::kEnvelope), 0U);
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_TRUE(alice.silent());
  EXPECT_TRUE(bob.silent());
}

TEST_F(PassOn, WithoutAReceiverItIsNotDeliveredAndTheNumberStaysOpen) {
  send(1);
  send(2);
  EXPECT_EQ(alice.take_errors(), (Errors{ErrorCode::kNotDelivered, ErrorCode::kOutOfOrder}));
  send(3, "carol");
  world.commit();
  EXPECT_EQ(accepted(alice), Numbers{3}) << "other channels go on";
  Peer& bob = receiver();
  send(1);
  send(2);
  EXPECT_EQ(accepted(alice), (Numbers{1, 2}));
  EXPECT_EQ(bob.take_texts(), (Texts{"1", "2"}));
}

TEST_F(PassOn, APosterOfTheAgentIsNoReceiver) {
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", posting());
  send(1);
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kNotDelivered});
}

TEST_F(PassOn, BeyondTheReceiversCreditItIsNotDelivered) {
  core_test::Binding one_at_a_time = receiving();
  one_at_a_time.credit_until = 1;
  Peer& bob = receiver(one_at_a_time);
  send(1);
  send(2);
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kNotDelivered});
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 2});
  send(2);
  EXPECT_EQ(bob.take_texts(), (Texts{"1", "2"}));
}

TEST_F(PassOn, ASenderIsGrantedWhatTheReceiverStillTakes) {
  core_test::Binding ten = receiving();
  ten.credit_until = 10;
  Peer& bob = receiver(ten);
  (void)alice.take<Accept>();
  for (std::uint64_t number = 1; number <= 4; ++number) send(number);
  EXPECT_EQ(alice.take<Accept>().back().window.envelopes, 6U);
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 30});
  send(5);
  EXPECT_EQ(alice.take<Accept>().back().window.envelopes, 25U);
  send(6, "carol");
  world.commit();
  EXPECT_EQ(alice.take<Accept>().back().window.envelopes, config().window_envelopes)
      << "what is stored needs no receiver";
}

TEST_F(PassOn, ASenderIsGrantedTheOctetsThatTheReceiverStillTakes) {
  core_test::Binding little = receiving();
  little.credit_bytes = 1000;
  Peer& bob = receiver(little);
  send(1);
  ByteBuffer taken;
  encode_envelope(bob.take_one<Notified>().envelope, taken);
  EXPECT_EQ(alice.take<Accept>().back().window.bytes, 1000 - taken.size());
}

TEST_F(PassOn, AReceiptFreesCreditAndSettlesNothing) {
  core_test::Binding little = receiving();
  little.credit_bytes = 1;
  Peer& bob = receiver(little);
  send(1);
  send(2);
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kNotDelivered});
  world.ack(bob, bob.take_one<Notified>().envelope.envelope_id);
  send(2);
  EXPECT_EQ(bob.take_texts(), Texts{"2"});
  world.ack_up_to(bob, 2);
  world.pass_ms(100);
  world.settle_all();
  EXPECT_EQ(world.count_records(RecordType::kSettled), 0U);
  EXPECT_EQ(world.mailbox("bob").settled.floor(), 0U);
}

TEST_F(PassOn, ANackLosesIt) {
  core_test::Binding little = receiving();
  little.credit_bytes = 1;
  Peer& bob = receiver(little);
  send(1);
  EXPECT_EQ(bob.take_texts(), Texts{"1"});
  world.say(bob, Receipt{1, ReceiptKind::kNack, 1, {}, 0, 1, "busy"});
  world.pass_ms(10'000);
  world.settle_all();
  EXPECT_TRUE(bob.silent());
  EXPECT_EQ(world.count_records(RecordType::kRetry), 0U);
  send(2);
  EXPECT_EQ(bob.take_texts(), Texts{"2"}) << "its credit is free again";
}

TEST_F(PassOn, WhatALostSessionHadNeverComesAgain) {
  Peer& bob = receiver();
  send(1);
  EXPECT_EQ(bob.take_texts(), Texts{"1"});
  world.close(bob);
  Peer& again = receiver();
  world.pass_ms(10'000);
  world.settle_all();
  EXPECT_TRUE(again.silent());
  send(2);
  EXPECT_EQ(again.take_texts(), Texts{"2"});
}

TEST_F(PassOn, AnAcceptComesBehindTheAnswerToItsAttach) {
  Peer& bob = receiver();
  send(1, "carol");
  Peer& second = world.connect("alice");
  world.say(second, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 8, 1},
            SendView{1, 1, world.envelope_bytes("bob", "early")});
  EXPECT_EQ(bob.take_texts(), Texts{"early"});
  EXPECT_TRUE(second.silent()) << "the answer waits for carol's mail";
  world.commit();
  EXPECT_EQ(second.take_kinds(), (Texts{"response", "accept"}));
}

TEST_F(PassOn, AnIdempotencyKeyIsNeitherLookedUpNorRemembered) {
  Peer& bob = receiver();
  for (std::uint64_t number = 1; number <= 2; ++number) {
    Envelope envelope = world.envelope("bob", "same");
    envelope.idempotency_key = "key";
    world.send(alice, number, envelope);
  }
  EXPECT_EQ(bob.take_texts(), (Texts{"same", "same"}));
}

// ---- Numbers ----

TEST_F(PassOn, ANumberIsKnownAfterAReconnectAndNotDeliveredAgain) {
  Peer& bob = receiver();
  for (std::uint64_t n = 1; n <= 3; ++n) send(n);
  EXPECT_EQ(bob.take_texts().size(), 3U);
  world.close(alice);
  Peer& again = world.connect("alice");
  const Response attached = world.attach(again, "alice", posting());
  EXPECT_EQ(decode_params(attached.result)->number("floor"), 3U);
  world.send(again, 2, "bob", "2");
  const Accept accept = again.take_one<Accept>();
  EXPECT_EQ(accept.first_number, 2U);
  EXPECT_TRUE(accept.first_id.is_zero());
  EXPECT_TRUE(bob.silent());
}

TEST_F(PassOn, ANumberIsKnownWhileItsSessionStands) {
  Peer& bob = receiver();
  send(1);
  send(2);
  EXPECT_EQ(accepted(alice).size(), 2U);
  send(2);
  world.commit();
  EXPECT_EQ(accepted(alice), Numbers{2});
  EXPECT_EQ(bob.take_texts().size(), 2U);
}

TEST_F(PassOn, ItsNumbersAreOnRecordBeforeALaterStoredOne) {
  (void)receiver();
  for (std::uint64_t n = 1; n <= 3; ++n) send(n);
  world.commit();
  EXPECT_EQ(numbers_of_alice().floor(), 1U) << "the first alone makes the epoch known";
  send(4, "carol");
  world.commit();
  EXPECT_EQ(numbers_of_alice().floor(), 4U);
  EXPECT_EQ(world.count_records(RecordType::kSkipped), 2U);
}

TEST_F(PassOn, ALongSeriesIsARecordForEachWindowOfNumbers) {
  (void)receiver();
  for (std::uint64_t n = 1; n <= kSendWindowEnvelopesMax + 1; ++n) send(n);
  world.settle_all();
  EXPECT_EQ(numbers_of_alice().floor(), kSendWindowEnvelopesMax + 1U);
  EXPECT_EQ(world.count_records(RecordType::kSkipped), 2U);
}

TEST_F(PassOn, NumbersUpToTheHighestArePutOnRecord) {
  (void)receiver();
  send(1);
  world.commit();
  core_test::Binding binding = posting();
  binding.first_number = kSendNumberMax - 1;
  world.attach(alice, "alice", binding);
  (void)alice.take<Accept>();
  for (std::uint64_t n = kSendNumberMax - 1; n <= kSendNumberMax + 2; ++n) send(n);
  EXPECT_EQ(accepted(alice), (Numbers{kSendNumberMax - 1, kSendNumberMax}));
  world.close(alice);
  world.commit();
  EXPECT_EQ(numbers_of_alice().settled().highest(), kSendNumberMax);
}

TEST_F(PassOn, ACrashForgetsNoEpochAndStoredMailGoesOn) {
  (void)receiver();
  for (std::uint64_t n = 1; n <= 3; ++n) send(n);
  world.commit();
  world.restart();
  Peer& again = world.connect("alice");
  core_test::Binding binding = posting();
  binding.first_number = 4;
  EXPECT_EQ(world.attach(again, "alice", binding).code, ErrorCode::kOk);
  world.send(again, 4, "carol", "stored");
  world.commit();
  EXPECT_EQ(accepted(again), Numbers{4});
}

TEST_F(PassOn, AStoppingHubPutsItsNumbersOnRecord) {
  (void)receiver();
  for (std::uint64_t n = 1; n <= 3; ++n) send(n);
  world.tell(StopRequested{});
  world.settle_all();
  world.restart();
  EXPECT_EQ(numbers_of_alice().floor(), 3U);
}

// ---- Ids ----

TEST_F(PassOn, IdsGrowAlsoAfterACrashAndAreNoStoredOnes) {
  Peer& bob = receiver();
  send(1);
  world.pass_ms(60'000);
  send(2);
  const auto before = bob.take<Notified>();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_LT(before[0].envelope.envelope_id, before[1].envelope.envelope_id);
  EXPECT_EQ(before[0].envelope.envelope_id.shard(), 0xffff);
  world.commit();
  world.now.wall_ns -= 50'000 * kNsPerMs;  // The clock was set back while the hub was down.
  world.restart();
  world.commit();
  Peer& back = receiver();
  Peer& again = world.connect("alice");
  world.attach(again, "alice", posting(8));
  world.send(again, 1, "bob", "after");
  EXPECT_LT(before[1].envelope.envelope_id, back.take_one<Notified>().envelope.envelope_id);
}

TEST_F(PassOn, TraceKnowsNoSuchEnvelope) {
  Peer& bob = receiver();
  send(1);
  const EnvelopeId id = bob.take_one<Notified>().envelope.envelope_id;
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  const ParamMap params =
      ParamMap().set("envelope_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
  const Response answer = world.request(admin, "trace", params);
  EXPECT_EQ(answer.code, ErrorCode::kNotFound);
  EXPECT_NE(answer.message.find("was not stored"), std::string::npos);
}

// ---- What the hub itself has to say ----

struct PassOnNotices : PassOn {
  PassOnNotices() {
    core_test::Binding binding = receiving();
    binding.epoch = 7;
    world.attach(dave, "dave", binding);
    Envelope envelope = world.envelope("carol", "too late");
    envelope.ttl_seconds = 1;
    world.send(dave, 1, envelope);
    world.commit();
    EXPECT_EQ(accepted(dave), Numbers{1});
  }
  Peer& dave = world.connect("dave");
};

TEST_F(PassOnNotices, ANoticeGoesToAPresentReceiverWhenItIsDurable) {
  world.pass_ms(5'000);
  EXPECT_TRUE(dave.silent());
  world.settle_all();
  const Notified notice = dave.take_one<Notified>();
  EXPECT_EQ(notice.envelope.event_type, "capstan.delivery.expired");
  EXPECT_TRUE(notice.envelope.sender_id.is_zero());
  EXPECT_EQ(notice.position, Position{});
}

TEST_F(PassOnNotices, AFullDiskDropsNone) {
  world.tell(DiskSpace{DiskState::kFull, 1});
  world.pass_ms(5'000);
  world.settle_all();
  EXPECT_EQ(dave.take_one<Notified>().envelope.event_type, "capstan.delivery.expired");
  EXPECT_FALSE(world.audited("notice_dropped"));
}

TEST_F(PassOnNotices, ANoticeForAnAbsentReceiverIsDroppedAndAudited) {
  world.close(dave);
  world.pass_ms(5'000);
  world.settle_all();
  EXPECT_TRUE(world.audited("notice_dropped"));
  EXPECT_EQ(world.pending("dave"), 0U);
}

}  // namespace
}  // namespace capstan
