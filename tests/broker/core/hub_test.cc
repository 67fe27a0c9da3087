// The core as a whole: how it begins and how it ends.
#include "capstan/core/hub.h"

#include <algorithm>

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Errors = std::vector<ErrorCode>;
using Texts = std::vector<std::string>;

// ---- Begin ----

TEST(Hub, TheFirstCommitRecordsTheStart) {
  World world;
  const auto records = world.records();
  const auto start = std::find_if(records.begin(), records.end(), [](const RecordView& record) {
    return record.type == RecordType::kStart;
  });
  ASSERT_NE(start, records.end());
  EXPECT_LE(start->sequence, world.durable.front().blocks.back()->last());
  const auto decoded = decode_start_record(start->payload);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->boot.hex(), "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0");
  EXPECT_EQ(decoded->wall_ns, world.now.wall_ns);
}

TEST(Hub, EveryStartHasARecordAndSequencesGoOn) {
  World world;
  const Sequence before = world.state().applied();
  world.restart();
  EXPECT_EQ(world.count_records(RecordType::kStart), 2U);
  EXPECT_GT(world.state().applied(), before);
  EXPECT_EQ(world.durable.back().number.value, world.durable.size());
}

TEST(Hub, ARestartKeepsAgentsMailAndSettlements) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  for (std::uint64_t n = 1; n <= 4; ++n) world.send(alice, n, "bob", std::to_string(n));
  world.commit();
  world.ack_up_to(bob, 2);
  world.pass_ms(60);
  world.commit();
  const AgentId id = world.id("bob");
  world.restart();
  EXPECT_EQ(world.id("bob"), id);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  world.settle_all();
  EXPECT_EQ(again.take_texts(), (Texts{"3", "4"}));
}

TEST(Hub, BreaksOfTheChainAreAuditedAndCounted) {
  World world;
  EXPECT_EQ(world.counter("chain_breaks"), 0U);
  world.chain_breaks_at_start = {Sequence{3}, Sequence{9}};
  world.restart();
  EXPECT_TRUE(world.audited("chain_break"));
  EXPECT_EQ(world.counter("chain_breaks"), 2U);
}

TEST(Hub, WhatWasNotDurableIsGoneAfterARestartAndWasNotAccepted) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  EXPECT_TRUE(alice.silent());
  world.restart();
  EXPECT_EQ(world.pending("bob"), 0U);
}

TEST(Hub, TheSameInputsGiveTheSameOutputs) {
  const auto run = [] {
    World world;
    Peer& node = world.connect("node", {"worker-*"});
    world.attach(node, "worker-1", posting());
    world.send(node, 1, "bob", "one");
    world.commit();
    std::vector<ByteBuffer> blocks;
    for (const Commit& commit : world.durable) {
      for (const SharedBlock& block : commit.blocks) blocks.push_back(block->records);
    }
    return blocks;
  };
  EXPECT_EQ(run(), run());
}

TEST(Hub, AWakeUpIsAskedForAtOnceWhenMoreCanBeDelivered) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  for (std::uint64_t n = 1; n <= 12; ++n) {
    world.send(alice, n, "bob", std::string(900'000, 'x'));
    world.commit();
  }
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_LE(world.wake_at_ns, world.now.monotonic_ns) << "a turn hands out 8 MiB";
  world.pass_ms(1);
  EXPECT_EQ(bob.take_texts().size(), 12U);
  EXPECT_GT(world.wake_at_ns, world.now.monotonic_ns);
}

TEST(Hub, WhileACommitIsUnderWaySettlementsThatAreDueWakeNobody) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.send(alice, 1, "bob", "one");
  world.commit();
  world.send(alice, 2, "bob", "two");  // Its commit stays under way.
  world.ack_up_to(bob, 1);
  world.pass_ms(60);
  EXPECT_GT(world.wake_at_ns, world.now.monotonic_ns);
  EXPECT_EQ(world.count_records(RecordType::kSettled), 0U);
  world.commit();
  EXPECT_EQ(world.count_records(RecordType::kSettled), 1U) << "they leave when it is over";
}

// ---- The journal fails ----

TEST(Hub, AnUnknownOutcomeEndsTheHubAndEverybodyHearsSo) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.tell(CommitUnknown{world.commits.front().number, Error{ErrorCode::kIo, "disk gone"}});
  ASSERT_TRUE(world.stopped.has_value());
  EXPECT_EQ(world.stopped->exit_code, 74);
  EXPECT_NE(world.stopped->reason.find("disk gone"), std::string::npos);
  EXPECT_EQ(alice.take_one<Bye>().code, ErrorCode::kOutcomeUnknown);
  EXPECT_EQ(bob.take_one<Bye>().code, ErrorCode::kOutcomeUnknown);
  EXPECT_TRUE(alice.silent()) << "neither accepted nor refused";

  world.say(alice, Ping{1});
  world.pass_ms(1000);
  EXPECT_TRUE(alice.silent()) << "a stopped hub does nothing any more";
}

// ---- Stop ----

TEST(Hub, AnIdleHubStopsWhenItsStateIsSaved) {
  World world;
  Peer& alice = world.connect("alice");
  world.tell(StopRequested{});
  EXPECT_EQ(alice.take_one<Bye>().code, ErrorCode::kHubStopping);
  EXPECT_FALSE(world.stopped.has_value());
  ASSERT_EQ(world.checkpoints.size(), 1U);
  world.checkpoint();
  ASSERT_TRUE(world.stopped.has_value());
  EXPECT_EQ(world.stopped->exit_code, 0);
}

TEST(Hub, AStoppingHubFinishesWhatIsInFlight) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.send(alice, 1, "bob", "one");
  world.commit();
  world.ack_up_to(bob, 1);
  world.send(alice, 2, "bob", "two");
  world.tell(StopRequested{});
  world.tell(StopRequested{});
  EXPECT_FALSE(world.stopped.has_value());
  for (int turn = 0; turn < 10 && !world.stopped; ++turn) {
    world.settle_all();
    world.pass_ms(60);
  }
  ASSERT_TRUE(world.stopped.has_value());
  EXPECT_EQ(world.stopped->exit_code, 0);
  EXPECT_EQ(alice.take<Accept>().size(), 2U);
  EXPECT_EQ(alice.take<Bye>().size(), 1U);
  EXPECT_EQ(world.recovered().applied(), world.applied) << "the next start replays nothing";
}

TEST(Hub, AStoppingHubSavesTheLastSettlements) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.send(alice, 1, "bob", "one");
  world.commit();
  world.ack_up_to(bob, 1);
  world.tell(StopRequested{});
  world.checkpoint();
  EXPECT_FALSE(world.stopped.has_value()) << "what was acknowledged is not saved yet";
  for (int turn = 0; turn < 10 && !world.stopped; ++turn) {
    world.pass_ms(60);
    world.settle_all();
  }
  EXPECT_TRUE(world.stopped.has_value());
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_EQ(world.count_records(RecordType::kSettled), 1U);
}

// Goal: whoever goes on working does not keep the hub from its end.
TEST(Hub, AStoppingHubDeliversNothingMoreAndBindsNobody) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  core_test::Binding little = receiving();
  little.credit_until = 2;
  world.attach(bob, "bob", little);
  for (std::uint64_t n = 1; n <= 5; ++n) world.send(alice, n, "bob", std::to_string(n));
  world.commit();
  EXPECT_EQ(bob.take_texts(), (Texts{"1", "2"}));
  world.tell(StopRequested{});
  world.say(bob, Receipt{1, ReceiptKind::kAckUpTo, 1, {}, 100});
  world.say(bob, Receipt{1, ReceiptKind::kNack, 2, {}, 100, 1, "later"});
  world.pass_ms(60);
  EXPECT_EQ(world.attach(alice, "alice", posting(8)).code, ErrorCode::kHubStopping);
  for (int turn = 0; turn < 10 && !world.stopped; ++turn) {
    world.pass_ms(60);
    world.settle_all();
  }
  ASSERT_TRUE(world.stopped.has_value());
  EXPECT_TRUE(bob.take_texts().empty());
  world.restart();
  EXPECT_EQ(world.pending("bob"), 4U) << "what was acknowledged is settled";
  EXPECT_EQ(world.mailbox("bob").retries.size(), 1U);
}

TEST(Hub, AStoppingHubThatCouldNotReadDoesNotSpin) {
  HubConfig config = core_test::quiet_config();
  config.resident_blocks_bytes = 1;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.commit();
  world.send(alice, 2, "carol", "pushes the first block out");
  world.commit();
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.fail_read(ErrorCode::kIo);
  world.tell(StopRequested{});
  ASSERT_FALSE(world.checkpoints.empty());
  world.pass_ms(5000);
  EXPECT_GT(world.wake_at_ns, world.now.monotonic_ns);
}

TEST(Hub, AFailedCheckpointDoesNotKeepTheHubFromStopping) {
  World world;
  world.tell(StopRequested{});
  ASSERT_EQ(world.checkpoints.size(), 1U);
  world.tell(CheckpointDone{world.checkpoints.front().applied, Error{ErrorCode::kIo, "test"}});
  ASSERT_TRUE(world.stopped.has_value());
  EXPECT_EQ(world.stopped->exit_code, 0);
}

// ---- What a power cut takes from written mailboxes ----

HubConfig written_config() {
  HubConfig config = core_test::quiet_config();
  config.durability = Durability::kWritten;
  config.written_ahead_records = 10;
  return config;
}

TEST(Hub, AStartGivesOutNoPositionAndNoIdOfLostWrittenMailAgain) {
  World world(written_config());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", core_test::posting());
  world.send(alice, 1, "bob", "kept");
  world.commit();
  (void)alice.take<Accept>();
  world.pass_ms(2000);
  world.send(alice, 2, "bob", "lost");
  world.tell(Written{world.commits.back().number});
  const EnvelopeId lost = alice.take_one<Accept>().first_id;
  world.now.wall_ns -= 5 * kNsPerSecond;
  world.restart();
  Peer& again = world.connect("alice");
  core_test::Binding binding = core_test::posting();
  binding.first_number = 3;
  world.attach(again, "alice", binding);
  world.send(again, 3, "bob", "new");
  world.commit();
  EXPECT_GT(again.take_one<Accept>().first_id, lost);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", core_test::receiving());
  world.settle_all();
  const auto delivered = bob.take<core_test::Notified>();
  ASSERT_EQ(delivered.size(), 2U);
  EXPECT_EQ(delivered[0].position, Position{1});
  EXPECT_EQ(delivered[1].position, Position{12}) << "position 2 was known outside";
}

TEST(Hub, AReceiverGoesOnAfterLostWrittenMailWithWhatCameAfterIt) {
  World world(written_config());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", core_test::posting());
  for (std::uint64_t number = 1; number <= 5; ++number) world.send(alice, number, "bob", "lost");
  world.tell(Written{world.commits.front().number});
  const EnvelopeId last = alice.take<Accept>().back().first_id;
  world.restart();
  Peer& again = world.connect("alice");
  world.attach(again, "alice", core_test::posting(8));
  world.send(again, 1, "bob", "new");
  world.commit();
  Peer& bob = world.connect("bob");
  core_test::Binding binding = core_test::receiving();
  binding.since = {Since::Kind::kAfter, last};
  world.attach(bob, "bob", binding);
  world.settle_all();
  EXPECT_EQ(bob.take_texts(), Texts{"new"});
}

}  // namespace
}  // namespace capstan
