// Waiting mail that is not in memory: it is read for receivers that have credit.
#include <algorithm>

#include "waiting_mail.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::no_cache;
using core_test::Notified;
using core_test::numbers;
using core_test::Peer;
using core_test::post;
using core_test::posting;
using core_test::receiving;
using core_test::Texts;
using core_test::World;

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

}  // namespace
}  // namespace capstan
