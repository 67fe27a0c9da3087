// Who is connected, and for whom they speak.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Errors = std::vector<ErrorCode>;
using Texts = std::vector<std::string>;

TEST(Sessions, ASecondReceiverSupersedesTheFirstWhichHearsOfIt) {
  World world;
  Peer& first = world.connect("bob");
  world.attach(first, "bob", receiving(5));
  Peer& second = world.connect("bob");
  world.attach(second, "bob", receiving());
  const ErrorFrame error = first.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kSuperseded);
  EXPECT_EQ(error.session, 5U);
  EXPECT_EQ(error.about, FrameType::kNone) << "the session has ended";
  EXPECT_TRUE(world.audited("superseded"));

  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.commit();
  EXPECT_EQ(second.take_texts(), Texts{"one"});
  EXPECT_TRUE(first.silent());
  world.ack_up_to(first, 1, 5);
  EXPECT_EQ(first.take_errors(), Errors{ErrorCode::kUnknownSession});
}

TEST(Sessions, PostingSessionsSupersedeNobody) {
  World world;
  Peer& receiver = world.connect("bob");
  world.attach(receiver, "bob", receiving());
  Peer& poster = world.connect("bob");
  Peer& another = world.connect("bob");
  world.attach(poster, "bob", posting(7));
  world.attach(another, "bob", posting(8));
  EXPECT_TRUE(receiver.silent());
  EXPECT_TRUE(poster.silent());
  world.send(poster, 1, "bob", "to myself");
  world.send(another, 1, "bob", "to myself, too");
  world.commit();
  EXPECT_EQ(receiver.take_texts(), (Texts{"to myself", "to myself, too"}));
}

TEST(Sessions, OneSessionReceivesAndPosts) {
  World world;
  Peer& bob = world.connect("bob");
  Binding both = receiving();
  both.epoch = 7;
  world.attach(bob, "bob", both);
  world.send(bob, 1, "bob", "echo");
  world.commit();
  EXPECT_EQ(bob.take_kinds(), (Texts{"accept", "notify"}));
}

TEST(Sessions, OneConnectionHoldsManyAgents) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-1", receiving(1));
  world.attach(node, "worker-2", receiving(2));
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "worker-2", "two");
  world.send(alice, 2, "worker-1", "one");
  world.commit();
  std::map<SessionId, std::string> heard;
  for (const auto& notified : node.take<core_test::Notified>()) {
    heard[notified.session] = notified.text();
  }
  EXPECT_EQ(heard, (std::map<SessionId, std::string>{{1, "one"}, {2, "two"}}));
}

TEST(Sessions, TheSameSessionIdIsBoundAnew) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-1", receiving(1));
  world.attach(node, "worker-2", receiving(1));
  EXPECT_EQ(world.counter("sessions"), 1U);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "worker-1", "one");
  world.send(alice, 2, "worker-2", "two");
  world.commit();
  EXPECT_EQ(node.take_texts(), Texts{"two"});
}

TEST(Sessions, AnotherSessionOfTheSameEpochTakesOver) {
  World world;
  Peer& lost = world.connect("alice");
  world.attach(lost, "alice", posting());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(lost, 1, "bob", "from the past");
  world.commit();
  EXPECT_EQ(lost.take_errors(), Errors{ErrorCode::kUnknownSession});
  world.send(alice, 1, "bob", "now");
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().first_number, 1U);
}

TEST(Sessions, SilenceForALeaseEndsTheConnectionWithItsReason) {
  World world;
  Peer& quiet = world.connect("bob");
  Peer& lively = world.connect("alice");
  world.attach(quiet, "bob", receiving());
  for (int i = 0; i < 5; ++i) {
    world.pass_ms(world.config.lease_ms / 4);
    world.say(lively, Ping{1});
  }
  EXPECT_EQ(quiet.take_one<Bye>().code, ErrorCode::kLeaseExpired);
  EXPECT_TRUE(world.evicted.contains(quiet.id()));
  EXPECT_FALSE(world.evicted.contains(lively.id()));
  EXPECT_TRUE(lively.take<Bye>().empty());
  world.say(quiet, Ping{1});
  EXPECT_TRUE(quiet.silent()) << "its frames are a stranger's now";
}

TEST(Sessions, AnyFrameKeepsTheLease) {
  World world;
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  for (int i = 0; i < 20; ++i) {
    world.pass_ms(world.config.lease_ms / 2);
    world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 5});
  }
  EXPECT_FALSE(world.evicted.contains(bob.id()));
}

TEST(Sessions, AWakeUpIsAskedForInTimeForTheLease) {
  World world;
  (void)world.connect("bob");
  EXPECT_LE(world.wake_at_ns,
            world.now.monotonic_ns + std::uint64_t{world.config.lease_ms} * kNsPerMs);
}

TEST(Sessions, WhatALostConnectionPostedIsStored) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.close(alice);
  world.commit();
  EXPECT_EQ(world.pending("bob"), 1U);
  EXPECT_EQ(world.counter("accepted"), 1U);
  EXPECT_TRUE(alice.silent());
}

TEST(Sessions, ManyConnectionsShareTheCommitBudget) {
  HubConfig config = core_test::quiet_config();
  config.commit_budget_bytes = 8 << 20;
  World world(config);
  for (int i = 0; i < 15; ++i) (void)world.connect("bob");
  Peer& last = world.open("alice");
  world.say(last, Hello{1, 0, {}, "test"});
  EXPECT_EQ(last.take_one<Welcome>().window.bytes, (8U << 20) / 16);
}

// ---- Answers that wait for the disk ----

ByteBuffer refused_row(const auto& frame_of) {
  BodyWriter body;
  for (std::uint64_t i = 0; i < 100'000; ++i) body.write(frame_of(i));
  return body.take();
}

// Goal: answers that wait for a disk that stands still are bounded like those that wait for a slow
// reader.
TEST(Sessions, WhoIsAnsweredWithoutEndWhileTheDiskStandsStillIsDropped) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& mallory = world.connect("carol");
  world.send(alice, 1, "bob", "one");
  const ByteBuffer refused = refused_row(
      [](std::uint64_t i) { return Receipt{9, ReceiptKind::kAckUpTo, i, {}, 0, 0, {}}; });
  for (int turn = 0; turn < 3; ++turn) world.feed(mallory, refused);
  EXPECT_EQ(world.evicted.count(mallory.id()), 0U);
  for (int turn = 0; turn < 17; ++turn) world.feed(mallory, refused);
  EXPECT_EQ(world.evicted.count(mallory.id()), 1U);
  EXPECT_EQ(mallory.take_one<Bye>().code, ErrorCode::kSlowReader);
  world.commit();
  EXPECT_TRUE(mallory.silent());
  EXPECT_EQ(alice.take<Accept>().size(), 1U);
  for (int turn = 0; turn < 20; ++turn) world.feed(alice, refused);
  EXPECT_EQ(world.evicted.count(alice.id()), 0U) << "these wait for nothing";
}

// Goal: an honest client's windows, refused whole while the disk stands still, do not end it.
TEST(Sessions, WhileManyAnswersWaitRefusedSendsLoseTheirText) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.feed(alice, refused_row([](std::uint64_t i) { return SendView{9, i, {}}; }));
  world.commit();
  const auto errors = alice.take<ErrorFrame>();
  ASSERT_EQ(errors.size(), 100'000U);
  EXPECT_NE(errors.front().message, "");
  EXPECT_EQ(errors.back().message, "");
  const auto octets = [&](std::size_t at) {
    BodyWriter body;
    body.write(errors[at]);
    return body.size();
  };
  EXPECT_LT(octets(99'999) * 32'768 * 50, std::size_t{32} << 20) << "windows of fifty agents";
}

// What they were to hear is let go with them, and the answers of others stay.
TEST(Sessions, WhoComesAgainAndAgainWhileTheDiskStandsStillLeavesNothingToOthers) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  const ByteBuffer refused = refused_row(
      [](std::uint64_t i) { return Receipt{9, ReceiptKind::kAckUpTo, i, {}, 0, 0, {}}; });
  for (int round = 0; round < 12; ++round) {
    Peer& carol = world.connect("carol");
    world.feed(carol, refused);
    world.say(alice, SendView{9, 1, {}});
    world.close(carol);
  }
  world.commit();
  EXPECT_EQ(alice.take<Accept>().size(), 1U);
  EXPECT_EQ(alice.take_errors().size(), 12U);
  EXPECT_EQ(world.evicted.count(alice.id()), 0U);
}

}  // namespace
}  // namespace capstan
