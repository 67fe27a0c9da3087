// Waiting mail goes to receivers that have credit, from memory or from disk.
#include <algorithm>

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::quiet_config;
using core_test::receiving;
using core_test::World;
using Texts = std::vector<std::string>;

/// Nothing but the newest block stays in memory.
HubConfig no_cache() {
  HubConfig config = quiet_config();
  config.resident_blocks_bytes = 1;
  return config;
}

/// alice has posted "1", "2", … to bob, each in a commit of its own.
void post(World& world, std::uint64_t count) {
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  for (std::uint64_t n = 1; n <= count; ++n) {
    world.send(alice, n, "bob", std::to_string(n));
    world.commit();
  }
}

Texts numbers(std::uint64_t first, std::uint64_t last) {
  Texts texts;
  for (std::uint64_t n = first; n <= last; ++n) texts.push_back(std::to_string(n));
  return texts;
}

TEST(Deliver, MailForAnAbsentAgentWaitsAndComesInOrder) {
  World world;
  post(world, 20);
  EXPECT_EQ(world.pending("bob"), 20U);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  const auto notified = bob.take<Notified>();
  ASSERT_EQ(notified.size(), 20U);
  for (std::size_t i = 0; i < notified.size(); ++i) {
    EXPECT_EQ(notified[i].text(), std::to_string(i + 1));
    EXPECT_EQ(notified[i].delivery, i + 1);
    EXPECT_EQ(notified[i].position, Position{i + 1});
    EXPECT_EQ(notified[i].attempt, 1U);
    EXPECT_EQ(notified[i].session, 1U);
  }
}

TEST(Deliver, TheAnswerToTheAttachComesBeforeTheFirstDelivery) {
  World world;
  post(world, 2);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(8));
  Peer& bob = world.connect("bob");
  world.send(alice, 1, "bob", "on its way");  // The answer has to wait for this commit.
  world.say(bob, Attach{1, 1, "bob", AttachMode::kReceive, {}, 100, 1 << 20, 0, 1});
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 200});
  EXPECT_TRUE(bob.silent()) << "not even what is durable";
  world.commit();
  EXPECT_EQ(bob.take_kinds(), (Texts{"response", "notify", "notify", "notify"}));
}

TEST(Deliver, StopsAtTheLastDeliveryNumberThatCreditAllows) {
  World world;
  post(world, 10);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 4;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 4));
  world.say(bob, Receipt{1, ReceiptKind::kAckUpTo, 4, {}, 7});
  EXPECT_EQ(bob.take_texts(), numbers(5, 7));
}

TEST(Deliver, StopsWhenTheBytesOfCreditAreUnacknowledged) {
  World world;
  post(world, 10);
  const std::uint64_t bytes = world.mailbox("bob").pending_bytes / 10;
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_bytes = 3 * bytes;
  world.attach(bob, "bob", binding);
  const std::size_t sent = bob.take_texts().size();
  EXPECT_GE(sent, 3U);
  EXPECT_LE(sent, 4U) << "at most one envelope more than the bytes";
  world.pass_ms(10);
  EXPECT_TRUE(bob.silent());
  world.ack_up_to(bob, 1);
  EXPECT_EQ(bob.take_texts().size(), 1U);
}

TEST(Deliver, OneEnvelopeIsAlwaysSentHoweverFewBytesCreditHas) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_bytes = 0;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 1));
  world.ack_up_to(bob, 1);
  EXPECT_EQ(bob.take_texts(), numbers(2, 2));
}

TEST(Deliver, ASlowReceiverKeepsNobodyElseWaiting) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 0;
  world.attach(bob, "bob", binding);
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  world.send(alice, 1, "bob", "for bob");
  world.send(alice, 2, "carol", "for carol");
  world.commit();
  EXPECT_TRUE(bob.silent());
  EXPECT_EQ(carol.take_texts(), Texts{"for carol"});
}

TEST(Deliver, OneThatNeverAcknowledgesKeepsNobodyElseWaitingAndLosesNothing) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 4;
  world.attach(bob, "bob", binding);
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  for (std::uint64_t number = 1; number <= 6; ++number) {
    world.send(alice, number, "bob", std::to_string(number));
  }
  world.send(alice, 7, "carol", "for carol");
  world.commit();
  EXPECT_EQ(bob.take_texts(), numbers(1, 4));
  EXPECT_EQ(carol.take_texts(), Texts{"for carol"});
  world.close(bob);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  EXPECT_EQ(again.take_texts(), numbers(1, 6));
}

TEST(Deliver, ALostSessionsMailComesAgainMarkedAsAttemptTwo) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 2;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 2));
  world.ack_up_to(bob, 1);
  world.close(bob);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  const auto notified = again.take<Notified>();
  ASSERT_EQ(notified.size(), 2U);
  EXPECT_EQ(notified[0].text(), "2");
  EXPECT_EQ(notified[0].attempt, 2U);
  EXPECT_EQ(notified[0].delivery, 1U) << "delivery numbers are the session's own";
  EXPECT_EQ(notified[1].text(), "3");
  EXPECT_EQ(notified[1].attempt, 1U) << "never sent before";
  EXPECT_EQ(world.counter("redelivered"), 1U);
}

// ---- since ----

TEST(Deliver, SinceAnIdSendsTheUnacknowledgedAfterIt) {
  World world;
  post(world, 5);
  Peer& first = world.connect("bob");
  world.attach(first, "bob", receiving());
  const auto notified = first.take<Notified>();
  ASSERT_EQ(notified.size(), 5U);
  world.ack(first, notified[3].envelope.envelope_id);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since = {Since::Kind::kAfter, notified[1].envelope.envelope_id};
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), (Texts{"3", "5"}));
}

TEST(Deliver, SinceNilSendsOnlyWhatComesAndTheRestStaysPending) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since.kind = Since::Kind::kNothing;
  world.attach(bob, "bob", binding);
  EXPECT_TRUE(bob.silent());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(8));
  world.send(alice, 1, "bob", "new");
  world.commit();
  EXPECT_EQ(bob.take_texts(), Texts{"new"});
  EXPECT_EQ(world.pending("bob"), 4U);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  EXPECT_EQ(again.take_texts(), (Texts{"1", "2", "3", "new"}));
}

TEST(Deliver, SinceTheEmptyTextSendsAllThatIsUnacknowledged) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since.kind = Since::Kind::kAll;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 3));
}

// ---- From disk ----

TEST(Deliver, MailThatIsNotResidentIsReadBackInOrder) {
  World world(no_cache());
  post(world, 20);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_TRUE(bob.take_texts().empty());
  EXPECT_EQ(world.reads.size(), 1U) << "one read at a time";
  EXPECT_EQ(world.reads.front().bases.size(), 4U) << "some blocks ahead";
  world.answer_reads();
  EXPECT_EQ(bob.take_texts(), numbers(1, 20));
}

TEST(Deliver, MailThatComesWhileOldMailIsReadWaitsForItsTurn) {
  World world(no_cache());
  post(world, 6);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(8));
  world.send(alice, 1, "bob", "7");
  world.commit();
  EXPECT_TRUE(bob.take_texts().empty());
  world.settle_all();
  EXPECT_EQ(bob.take_texts(), numbers(1, 7));
}

TEST(Deliver, NothingIsReadForAReceiverWithoutCredit) {
  World world(no_cache());
  post(world, 6);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 0;
  world.attach(bob, "bob", binding);
  EXPECT_TRUE(world.reads.empty());
}

TEST(Deliver, OnlySoManyReadsAreUnderWayAndTheOthersWait) {
  std::vector<std::string> names{"alice"};
  for (int i = 0; i < 30; ++i) names.push_back("agent-" + std::to_string(i));
  World world(no_cache(), names);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  for (std::uint64_t n = 1; n < names.size(); ++n) {
    world.send(alice, n, names[n], "for " + names[n]);
    world.commit();
  }
  world.send(alice, names.size(), "alice", "pushes the last block out");
  world.commit();
  std::vector<Peer*> peers;
  for (std::size_t n = 1; n < names.size(); ++n) {
    peers.push_back(&world.connect(names[n]));
    world.attach(*peers.back(), names[n], receiving());
  }
  EXPECT_EQ(world.reads.size(), 16U);
  world.answer_reads();
  for (std::size_t i = 0; i < peers.size(); ++i) {
    EXPECT_EQ(peers[i]->take_texts(), Texts{"for " + names[i + 1]});
  }
}

// Goal: who has much to read back keeps nobody else waiting until it has read all of it.
TEST(Deliver, WhoWaitsForAReadComesBeforeWhoWantsAnother) {
  std::vector<std::string> names{"alice"};
  for (int i = 0; i < 18; ++i) names.push_back("agent-" + std::to_string(i));
  World world(no_cache(), names);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  std::uint64_t number = 1;
  for (int round = 0; round < 12; ++round) {
    for (std::size_t n = 1; n < names.size(); ++n) {
      world.send(alice, number++, names[n], std::to_string(round));
      world.commit();
    }
  }
  std::vector<Peer*> peers;
  for (std::size_t n = 1; n < names.size(); ++n) {
    peers.push_back(&world.connect(names[n]));
    world.attach(*peers.back(), names[n], receiving());
  }
  ASSERT_EQ(world.reads.size(), 16U);
  const auto answer_front = [&] {
    const ReadBlocks read = world.reads.front();
    world.reads.pop_front();
    ReadDone done{read.read, {}, std::nullopt};
    for (const Sequence base : read.bases) done.blocks.push_back(world.disk.at(base));
    return done;
  };
  world.tell({answer_front(), answer_front()});
  EXPECT_EQ(world.reads.size(), 16U);
  for (int i = 0; i < 14; ++i) world.tell(answer_front());
  world.tell({answer_front(), answer_front()});
  EXPECT_EQ(peers[16]->take_texts().size(), 4U);
  EXPECT_EQ(peers[17]->take_texts().size(), 4U);
  world.settle_all();
  for (std::size_t i = 0; i < peers.size(); ++i) {
    EXPECT_EQ(peers[i]->take_texts().back(), "11") << i;
  }
}

TEST(Deliver, RequestsThatWaitForTheDiskDelayNobodysMail) {
  World world(no_cache());
  post(world, 6);
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  // The first record of a block will do: that it is no envelope shows when the block has come.
  const Sequence first = world.disk.begin()->first;
  const EnvelopeId id = EnvelopeId::make(1, 0, first);
  for (std::uint64_t asked = 1; asked <= 100; ++asked) {
    const ParamMap params =
        ParamMap().set("envelope_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
    world.say(admin, Request{asked, "trace", encode_params(params)});
  }
  EXPECT_EQ(admin.take<Response>().size(), 84U)
      << "sixteen wait, the others are told to come again";
  ASSERT_EQ(world.reads.size(), 16U);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  ASSERT_EQ(world.reads.size(), 17U);
  world.reads.erase(world.reads.begin(), world.reads.begin() + 16);
  world.answer_reads();
  EXPECT_EQ(bob.take_texts(), numbers(1, 6));
}

TEST(Deliver, AnAnswerThatComesTooLateForItsReceiverHarmsNobody) {
  World world(no_cache());
  post(world, 12);
  Peer& first = world.connect("bob");
  Binding late = receiving();
  late.since = {Since::Kind::kAfter,
                EnvelopeId::make(0, 0, std::next(world.mailbox("bob").lanes[1].begin(), 7)->block)};
  world.attach(first, "bob", late);
  ASSERT_EQ(world.reads.size(), 1U);
  Peer& second = world.connect("bob");
  world.attach(second, "bob", receiving());
  for (int turn = 0; turn < 100 && !world.reads.empty(); ++turn) world.answer_reads();
  EXPECT_TRUE(world.reads.empty()) << "reading ends";
  EXPECT_EQ(second.take_texts(), numbers(1, 12));
}

TEST(Deliver, AnAnswerForAReceiverThatLeftIsForgotten) {
  World world(no_cache());
  post(world, 4);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.close(bob);
  world.answer_reads();
  world.tell(ReadDone{ReadId{999}, {}, std::nullopt});
  EXPECT_EQ(world.pending("bob"), 4U);
}

TEST(Deliver, ADamagedBlockIsAGapAndOnlyThatBlock) {
  World world(no_cache());
  post(world, 8);
  const Sequence damaged = std::next(world.mailbox("bob").lanes[1].begin(), 2)->block;
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  // A read that holds the damaged block fails as a whole.
  for (int turn = 0; turn < 50 && !world.reads.empty(); ++turn) {
    const auto& bases = world.reads.front().bases;
    if (std::find(bases.begin(), bases.end(), damaged) != bases.end()) {
      world.fail_read(ErrorCode::kDamaged);
    } else {
      const ReadBlocks read = world.reads.front();
      world.reads.pop_front();
      ReadDone done{read.read, {}, std::nullopt};
      for (const Sequence base : read.bases) done.blocks.push_back(world.disk.at(base));
      world.tell(done);
    }
  }
  world.commit();
  Texts texts = bob.take_texts();
  ASSERT_FALSE(texts.empty());
  texts.pop_back();  // The notice of the loss.
  EXPECT_EQ(texts, (Texts{"1", "2", "4", "5", "6", "7", "8"}));
  EXPECT_EQ(world.state().gaps(), (std::set<Gap>{{damaged, damaged}}));
  EXPECT_EQ(world.count_records(RecordType::kGap), 1U);
  EXPECT_TRUE(world.audited("gap"));
  EXPECT_EQ(world.pending("bob"), 8U) << "what is lost is not waited for; the notice is";
  world.ack_up_to(bob, 100);
  world.pass_ms(60);
  world.settle_all();
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_EQ(world.mailbox("bob").pending_bytes, 0U);
  EXPECT_TRUE(world.mailbox("bob").lanes[1].empty());
}

TEST(Deliver, TwoReadsThatMeetOneLossRecordOneGap) {
  World world(no_cache());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer to_bob = world.envelope_bytes("bob", "1");
  const ByteBuffer to_carol = world.envelope_bytes("carol", "2");
  world.say(alice, SendView{1, 1, to_bob}, SendView{1, 2, to_carol});
  world.commit();
  world.send(alice, 3, "bob", "3");
  world.commit();
  ASSERT_EQ(world.mailbox("bob").lanes[1].front().block,
            world.mailbox("carol").lanes[1].front().block);
  for (const char* name : {"bob", "carol"}) {
    Peer& peer = world.connect(name);
    world.attach(peer, name, receiving());
  }
  ASSERT_EQ(world.reads.size(), 2U);
  world.fail_read(ErrorCode::kDamaged);
  world.fail_read(ErrorCode::kDamaged);
  world.settle_all();
  EXPECT_EQ(world.count_records(RecordType::kGap), 1U);
  EXPECT_EQ(world.pending("bob"), 2U) << "one envelope, and one notice";
  EXPECT_EQ(world.pending("carol"), 1U) << "the notice";
}

TEST(Deliver, AnIoErrorLosesNothingAndIsTriedAgainALittleLater) {
  World world(no_cache());
  post(world, 3);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.fail_read(ErrorCode::kIo);
  EXPECT_TRUE(world.state().gaps().empty());
  EXPECT_TRUE(world.audited("read_failed"));
  EXPECT_TRUE(world.reads.empty()) << "not at once";
  EXPECT_LE(world.wake_at_ns, world.now.monotonic_ns + kNsPerSecond);
  world.pass_ms(1000);
  EXPECT_EQ(world.reads.size(), 1U);
  world.settle_all();
  EXPECT_EQ(bob.take_texts(), numbers(1, 3));
}

TEST(Deliver, OfMailBehindOneThatWasHeldOnlyWhatWaitsIsRead) {
  World world(no_cache());
  post(world, 40);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.settle_all();
  for (const Notified& mail : bob.take<Notified>()) {
    if (mail.delivery != 1 && mail.delivery != 39) world.ack(bob, mail.envelope.envelope_id);
  }
  world.pass_ms(60);
  world.settle_all();
  world.close(bob);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  ASSERT_EQ(world.reads.size(), 1U);
  EXPECT_EQ(world.reads.front().bases.size(), 2U);
  world.settle_all();
  EXPECT_EQ(again.take_texts(), (Texts{"1", "39"}));
}

// ---- Turns ----

TEST(Deliver, MuchMailLeavesInSeveralTurnsAndBodies) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const std::string large(600'000, 'x');
  constexpr std::uint64_t kCount =
      30;  // 18 MB: more than one turn, more than one connection holds.
  for (std::uint64_t n = 1; n <= kCount; ++n) {
    world.send(alice, n, "bob", large);
    world.commit();
  }
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  std::uint64_t received = 0;
  for (int turn = 0; turn < 100 && received < kCount; ++turn) {
    world.settle_all();
    const auto notified = bob.take<Notified>();
    received += notified.size();
    EXPECT_LE(notified.size() * large.size(), 18U << 20);
    if (!notified.empty()) world.ack_up_to(bob, notified.back().delivery);
    world.pass_ms(1);
  }
  EXPECT_EQ(received, kCount);
}

// Goal: the octets that a connection may have unacknowledged are shared; who waits for them goes on
// when another session has acknowledged.
TEST(Deliver, AFullConnectionGoesOnWithEverySessionOfIt) {
  World world(quiet_config(), {"carol"});
  world.tell(
      KeysChanged{{core_test::key_of("carol"), core_test::key_of("node", {"alice", "bob"})}});
  world.commit();
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", posting());
  Peer& node = world.connect("node", {"alice", "bob"});
  Binding first = receiving(1);
  Binding second = receiving(2);
  world.attach(node, "alice", first);
  world.attach(node, "bob", second);
  const std::string large(900 * 1024, 'x');
  std::uint64_t number = 0;
  for (int i = 0; i < 20; ++i) {
    world.send(carol, ++number, "alice", large);
    world.settle_all();
  }
  world.send(carol, ++number, "bob", "small");
  world.settle_all();
  const auto came = node.take<Notified>();
  ASSERT_LT(came.size(), 20U) << "16 MiB are out";
  for (const auto& notified : came) EXPECT_EQ(notified.session, 1U);
  world.ack_up_to(node, came.size(), 1);
  world.settle_all();
  bool heard = false;
  for (const auto& notified : node.take<Notified>()) {
    heard = heard || notified.session == 2;
  }
  EXPECT_TRUE(heard);
}

}  // namespace
}  // namespace capstan
