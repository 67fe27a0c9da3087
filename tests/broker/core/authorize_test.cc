#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::World;
using Errors = std::vector<ErrorCode>;

/// Sends an envelope to bob that says it is from this agent.
void send_as(World& world, Peer& peer, std::uint64_t number, const AgentId& sender) {
  Envelope envelope = world.envelope("bob", "hello");
  envelope.sender_id = sender;
  world.send(peer, number, envelope);
  world.commit();
}

TEST(Authorize, ASenderThatIsAnotherAgentIsRefusedAndTheConnectionLivesOn) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  send_as(world, alice, 1, world.id("carol"));
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kAccessDenied);
  EXPECT_EQ(error.about, FrameType::kSend);
  EXPECT_EQ(error.reference, 1U);
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_TRUE(world.audited("access_denied"));
  EXPECT_EQ(world.counter("refused_identity"), 1U);

  send_as(world, alice, 1, world.id("alice"));
  EXPECT_EQ(alice.take_one<Accept>().first_number, 1U);
}

TEST(Authorize, AnIdThatIsNobodysIsRefusedLikeAnotherAgents) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  AgentId nobody;
  nobody.bytes.fill(0x77);
  send_as(world, alice, 1, nobody);
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kAccessDenied});
}

TEST(Authorize, AnotherAgentOfTheSameKeyIsRefusedOnThisSession) {
  World world(core_test::quiet_config(), {"bob"});
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-1", posting(7, 1));
  world.attach(node, "worker-2", posting(8, 2));
  send_as(world, node, 1, world.id("worker-2"));
  EXPECT_EQ(node.take_errors(), Errors{ErrorCode::kAccessDenied});
}

TEST(Authorize, AZeroSenderIsFilledInAndSoIsAllThatTheHubStamps) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(alice, "alice", posting());
  world.attach(bob, "bob", core_test::receiving());
  Envelope lying = world.envelope("bob", "hello");
  lying.created_at_ns = 1;
  lying.envelope_id.bytes.fill(0xff);
  world.send(alice, 1, lying);
  world.commit();
  const Envelope delivered = bob.take_one<core_test::Notified>().envelope;
  EXPECT_EQ(delivered.sender_id, world.id("alice"));
  EXPECT_EQ(delivered.envelope_id, alice.take_one<Accept>().first_id);
  EXPECT_EQ(delivered.created_at_ns, world.now.wall_ns);
  EXPECT_EQ(delivered.channel_id, lying.channel_id);
  EXPECT_EQ(delivered.event_data, lying.event_data);
}

TEST(Authorize, ASessionThatWasNotAttachedIsUnknown) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "hello", 2);
  world.commit();
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kUnknownSession);
  EXPECT_EQ(error.session, 2U);
}

TEST(Authorize, ASessionOfAnotherConnectionIsUnknown) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& carol = world.connect("carol");
  world.attach(alice, "alice", posting());
  world.send(carol, 1, "bob", "hello");
  world.commit();
  EXPECT_EQ(carol.take_errors(), Errors{ErrorCode::kUnknownSession});
  EXPECT_TRUE(alice.silent());
}

}  // namespace
}  // namespace capstan
