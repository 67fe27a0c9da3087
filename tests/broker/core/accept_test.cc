// The commit is durable; whoever waited for it hears so.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::World;
using Texts = std::vector<std::string>;

TEST(AcceptStage, OneAnswerOfTheJournalIsAboutAllCommitsBefore) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.send(alice, 2, "bob", std::string(300'000, 'x'));
  ASSERT_EQ(world.commits.size(), 2U);
  world.tell(Committed{world.commits.back().number});
  const auto accepts = alice.take<Accept>();
  ASSERT_EQ(accepts.size(), 2U);
  EXPECT_EQ(accepts[1].first_number, 2U);
}

TEST(AcceptStage, AnAnswerAboutAnEarlierCommitReleasesNothingOfTheLater) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.tell(Committed{world.durable.back().number});
  EXPECT_TRUE(alice.silent());
}

TEST(AcceptStage, EachSessionHearsOfItsOwnNumbers) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-1", posting(7, 1));
  world.attach(node, "worker-2", posting(7, 2));
  const ByteBuffer envelope = world.envelope_bytes("bob", "x");
  world.say(node, SendView{1, 1, envelope}, SendView{2, 1, envelope}, SendView{1, 2, envelope},
            SendView{1, 3, envelope});
  world.commit();
  std::map<SessionId, std::uint64_t> accepted;
  for (const Accept& accept : node.take<Accept>()) accepted[accept.session] += accept.count;
  EXPECT_EQ(accepted, (std::map<SessionId, std::uint64_t>{{1, 3}, {2, 1}}));
}

TEST(AcceptStage, NumbersOfAnEarlierBindingAreNotTheNewBindings) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(7));
  world.send(alice, 1, "bob", "of epoch 7");
  world.say(alice, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 8, 1});
  world.commit();
  EXPECT_EQ(alice.take_kinds(), Texts{"response"})
      << "number 1 of epoch 8 has not been sent, so nobody may hear that it is stored";
  EXPECT_EQ(world.pending("bob"), 1U);
}

TEST(AcceptStage, TheSameEpochOnAnotherBindingHearsOfItsNumbers) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(7));
  world.send(alice, 1, "bob", "one");
  world.say(alice, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 7, 1});
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().first_number, 1U);
}

TEST(AcceptStage, AnAcceptRenewsTheWindow) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().window.envelopes, world.config.window_envelopes);
}

// ---- Written mailboxes ----

/// alice posts; bob's mailbox and hers need no sync, carol's does.
struct WrittenWorld {
  explicit WrittenWorld(std::uint64_t ahead_records = 1000)
      : world(config(ahead_records), {"alice", "bob"}) {
    AdmittedKey carol = core_test::key_of("carol");
    carol.durability = Durability::kSynced;
    world.tell(KeysChanged{{core_test::key_of("alice"), core_test::key_of("bob"), carol}});
    world.settle_all();
    world.attach(alice, "alice", posting());
  }

  static HubConfig config(std::uint64_t ahead_records) {
    HubConfig hub = core_test::quiet_config();
    hub.lease_ms = 1'000'000'000;
    hub.durability = Durability::kWritten;
    hub.written_ahead_records = ahead_records;
    return hub;
  }

  Peer& bob() {
    Peer& peer = world.connect("bob");
    world.attach(peer, "bob", core_test::receiving());
    return peer;
  }
  void written() { world.tell(Written{world.commits.back().number}); }

  World world;
  Peer& alice = world.connect("alice");
};

TEST(WrittenMail, IsAcceptedAndDeliveredWhenTheOperatingSystemHasItAndOnce) {
  WrittenWorld hub;
  Peer& bob = hub.bob();
  hub.world.send(hub.alice, 1, "bob", "one");
  ASSERT_EQ(hub.world.commits.size(), 1U);
  EXPECT_TRUE(hub.world.commits.back().tells_written);
  EXPECT_TRUE(hub.alice.silent());
  hub.written();
  EXPECT_EQ(hub.alice.take_one<Accept>().first_number, 1U);
  EXPECT_EQ(bob.take_texts(), Texts{"one"});
  hub.world.commit();
  EXPECT_TRUE(hub.alice.silent());
  EXPECT_TRUE(bob.silent());
}

TEST(WrittenMail, OfASyncedMailboxInTheSameCommitWaitsForTheSync) {
  WrittenWorld hub;
  Peer& carol = hub.world.connect("carol");
  hub.world.attach(carol, "carol", core_test::receiving());
  hub.world.say(hub.alice, SendView{1, 1, hub.world.envelope_bytes("carol", "synced")},
                SendView{1, 2, hub.world.envelope_bytes("bob", "written")});
  hub.written();
  EXPECT_EQ(hub.alice.take_one<Accept>().first_number, 2U);
  EXPECT_TRUE(carol.silent());
  hub.world.commit();
  EXPECT_EQ(hub.alice.take_one<Accept>().first_number, 1U);
  EXPECT_EQ(carol.take_texts(), Texts{"synced"});
}

TEST(WrittenMail, ACommitWithoutItAsksForNothing) {
  WrittenWorld hub;
  hub.world.send(hub.alice, 1, "carol", "synced");
  EXPECT_FALSE(hub.world.commits.back().tells_written);
}

TEST(WrittenMail, WaitsForTheSyncWhenItsIdsAreLaterThanADurableCeiling) {
  WrittenWorld hub;
  hub.world.pass_ms(20'000);
  hub.world.send(hub.alice, 1, "bob", "one");
  hub.written();
  EXPECT_TRUE(hub.alice.silent()) << "a start after a power cut would not know of this clock";
  hub.world.commit();
  EXPECT_EQ(hub.alice.take_one<Accept>().first_number, 1U);
  hub.world.pass_ms(5000);
  hub.world.send(hub.alice, 2, "bob", "two");
  hub.written();
  EXPECT_EQ(hub.alice.take_one<Accept>().first_number, 2U) << "the commit before let ids run ahead";
}

TEST(WrittenMail, WaitsForTheSyncWhenMoreIsUnsyncedThanAStartPassesOver) {
  WrittenWorld hub(2);
  const ByteBuffer envelope = hub.world.envelope_bytes("bob", "x");
  hub.world.say(hub.alice, SendView{1, 1, envelope}, SendView{1, 2, envelope},
                SendView{1, 3, envelope});
  hub.world.send(hub.alice, 4, "bob", std::string(300'000, 'x'));
  ASSERT_EQ(hub.world.commits.size(), 2U);
  hub.written();
  EXPECT_TRUE(hub.alice.silent()) << "the later commit does not overtake the earlier";
  hub.world.commit_one();
  EXPECT_EQ(hub.alice.take<Accept>().size(), 2U) << "the second was waiting for the first alone";
}

}  // namespace
}  // namespace capstan
