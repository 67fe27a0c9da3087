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

}  // namespace
}  // namespace capstan
