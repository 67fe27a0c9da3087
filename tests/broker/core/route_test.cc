#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::World;
using Errors = std::vector<ErrorCode>;

TEST(Route, AnEnvelopeToAChannelThatNobodyHasIsNotFound) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Envelope envelope = world.envelope("bob", "hello");
  envelope.channel_id.bytes.fill(0x11);
  world.send(alice, 1, envelope);
  world.commit();
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_EQ(error.reference, 1U);
  EXPECT_NE(error.message.find(envelope.channel_id.hex()), std::string::npos);
  EXPECT_EQ(world.count_records(RecordType::kEnvelope), 0U);
}

TEST(Route, AMalformedEnvelopeKeepsItsNumberAndSaysSo) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer envelope(80, 0x9e);
  world.say(alice, SendView{1, 1, envelope});
  world.commit();
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kMalformedFrame);
  EXPECT_EQ(error.reference, 1U);
}

TEST(Route, EachEnvelopeGoesToItsOwnMailbox) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  std::uint64_t number = 0;
  for (const char* to : {"bob", "bob", "carol", "bob", "alice"}) {
    world.send(alice, ++number, to, "hello");
  }
  world.commit();
  EXPECT_EQ(world.pending("bob"), 3U);
  EXPECT_EQ(world.pending("carol"), 1U);
  EXPECT_EQ(world.pending("alice"), 1U) << "one may write to oneself";
}

TEST(Route, AStoppingHubTakesNoMoreEnvelopes) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "in time");
  world.tell(StopRequested{});
  world.send(alice, 2, "bob", "too late");
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().count, 1U);
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kHubStopping});
}

}  // namespace
}  // namespace capstan
