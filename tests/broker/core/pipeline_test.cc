#include "capstan/base/random.h"
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Texts = std::vector<std::string>;
using Errors = std::vector<ErrorCode>;

/// The refusals of the whole connection: what is no frame of a session.
Errors refused_after(World& world, Peer& peer, const ByteBuffer& body) {
  world.feed(peer, body);
  world.commit();
  return peer.take_errors();
}

TEST(Pipeline, NothingIsAcceptedBeforeItIsDurable) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  EXPECT_TRUE(alice.silent());
  world.pass_ms(5000);
  EXPECT_TRUE(alice.silent());
  EXPECT_EQ(world.commits.size(), 1U);
  world.commit();
  const Accept accept = alice.take_one<Accept>();
  EXPECT_EQ(accept.first_number, 1U);
  EXPECT_EQ(accept.count, 1U);
}

TEST(Pipeline, NothingIsDeliveredBeforeItIsDurable) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(alice, "alice", posting());
  world.attach(bob, "bob", receiving());
  world.send(alice, 1, "bob", "one");
  EXPECT_TRUE(bob.silent());
  world.commit();
  EXPECT_EQ(bob.take_texts(), Texts{"one"});
}

TEST(Pipeline, AnAnswerThatDependsOnWhatIsNotDurableWaitsForIt) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "one");
  world.say(alice,
            Request{9, "get_agent", encode_params(ParamMap().set("name", std::string("bob")))});
  world.say(alice, Ping{5});
  EXPECT_EQ(alice.take_kinds(), Texts{"pong"}) << "only a pong does not wait for the disk";
  world.commit();
  EXPECT_EQ(alice.take_kinds(), (Texts{"accept", "response"}));
}

TEST(Pipeline, BytesBehindTheLastWholeFrameAreRefusedAndTheFramesBeforeAreTaken) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  BodyWriter body;
  const ByteBuffer envelope = world.envelope_bytes("bob", "one");
  body.write(SendView{1, 1, envelope});
  ByteBuffer bytes = body.take();
  bytes.insert(bytes.end(), {0xc4, 0x20, 0x94});
  EXPECT_EQ(refused_after(world, alice, bytes), Errors{ErrorCode::kMalformedFrame});
  EXPECT_EQ(alice.take_one<Accept>().count, 1U);
}

TEST(Pipeline, ABrokenFrameIsRefusedAndThoseAroundItAreTaken) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer envelope = world.envelope_bytes("bob", "one");
  BodyWriter body;
  body.write(SendView{1, 1, envelope});
  body.append_body({0xc4, 0x01, 0xc1});
  body.write(SendView{1, 2, envelope});
  EXPECT_EQ(refused_after(world, alice, body.take()), Errors{ErrorCode::kMalformedFrame});
  std::uint64_t accepted = 0;
  for (const Accept& accept : alice.take<Accept>()) accepted += accept.count;
  EXPECT_EQ(accepted, 2U);
}

TEST(Pipeline, ASendOrReceiptWithoutItsFieldsIsMalformed) {
  World world;
  Peer& alice = world.connect("alice");
  EXPECT_EQ(refused_after(world, alice, {0xc4, 0x02, 0x91, 0x04}),
            Errors{ErrorCode::kMalformedFrame});
  EXPECT_EQ(refused_after(world, alice, {0xc4, 0x02, 0x91, 0x07}),
            Errors{ErrorCode::kMalformedFrame});
  EXPECT_EQ(world.counter("connections"), 2U) << "the connection lives on";
}

TEST(Pipeline, AnEmptyBodyDoesNothing) {
  World world;
  Peer& alice = world.connect("alice");
  EXPECT_TRUE(refused_after(world, alice, {}).empty());
  EXPECT_TRUE(alice.silent());
}

TEST(Pipeline, WhatFollowsAByeHasNoOwner) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer envelope = world.envelope_bytes("bob", "one");
  world.say(alice, Bye{}, SendView{1, 1, envelope}, Ping{1});
  world.commit();
  EXPECT_TRUE(alice.silent());
  EXPECT_TRUE(world.evicted.contains(alice.id()));
  EXPECT_EQ(world.pending("bob"), 0U);
}

TEST(Pipeline, PartsBehindTheFirstAreToldAsDroppedAndTheFirstIsTaken) {
  World world;
  Peer& alice = world.connect("alice");
  BodyWriter body;
  body.write(Ping{5});
  const ByteBuffer bytes = body.take();
  world.tell(FramesArrived{alice.id(), bytes, 2});
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.about, FrameType::kNone);
  EXPECT_EQ(error.session, 0U);
  EXPECT_EQ(error.code, ErrorCode::kMalformedFrame);
  EXPECT_EQ(error.message, "one body part a message: 2 more were dropped");
  EXPECT_EQ(alice.take_one<Pong>().nonce, 5U);
  EXPECT_EQ(world.counter("refused_frames"), 1U);
}

// Goal: two octets that are no frame cost the hub no more than a place in a counter once the
// sender has heard of thousands of them.
TEST(Pipeline, BrokenFramesBeyondTheShareOfATurnAreCountedAndNotAnswered) {
  World world;
  Peer& mallory = world.connect("alice");
  constexpr std::size_t kFrames = 400'000;
  ByteBuffer body;
  for (std::size_t i = 0; i < kFrames; ++i) append(body, ByteBuffer{0xc4, 0x00});
  world.feed(mallory, body);
  const std::size_t told = mallory.take_errors().size();
  EXPECT_GT(told, 10'000U);
  EXPECT_LT(told, kFrames * 3 / 4);
  EXPECT_EQ(world.counter("refused_frames"), kFrames);
  EXPECT_EQ(refused_after(world, mallory, {0xc4, 0x00}), Errors{ErrorCode::kMalformedFrame})
      << "the next turn has a share of its own";
}

// ---- One body part or several ----

/// Sends of all fates: stored, refused, blocked by a refused one, skipped, sent again.
std::vector<ByteBuffer> mixed_frames(const World& world) {
  std::vector<ByteBuffer> frames;
  const auto add = [&](const auto& frame) {
    BodyWriter body;
    body.write(frame);
    frames.push_back(body.take());
  };
  const ByteBuffer to_bob = world.envelope_bytes("bob", "b");
  const ByteBuffer to_carol = world.envelope_bytes("carol", "c");
  Envelope nowhere = world.envelope("bob", "n");
  nowhere.channel_id.bytes.fill(0x99);
  ByteBuffer to_nowhere;
  encode_envelope(nowhere, to_nowhere);
  Envelope forged = world.envelope("bob", "f");
  forged.sender_id = world.id("carol");
  ByteBuffer as_carol;
  encode_envelope(forged, as_carol);
  add(SendView{1, 1, to_bob});
  add(SendView{1, 2, to_nowhere});
  add(SendView{1, 3, to_bob});
  add(SendView{1, 4, to_nowhere});
  add(SendView{1, 5, as_carol});
  add(SendView{1, 6, to_bob});
  add(SendView{1, 7, to_carol});
  add(Ping{1});
  add(SendView{1, 5, {}});
  add(SendView{1, 6, to_bob});
  add(SendView{1, 1, to_bob});
  add(SendView{2, 1, to_bob});
  add(SendView{1, 9, to_bob});
  add(SendView{1, 8, Bytes(to_bob).first(70)});
  add(SendView{1, 2, {}});
  add(SendView{1, 9, to_carol});
  return frames;
}

struct Result {
  std::map<std::uint64_t, EnvelopeId> accepted;
  std::vector<std::pair<std::uint64_t, ErrorCode>> refused;
  std::vector<std::pair<std::string, std::string>> rows;
  bool operator==(const Result&) const = default;
};

Result result_of(World& world, Peer& peer) {
  world.commit();
  Result result;
  for (const Accept& accept : peer.take<Accept>()) {
    for (std::uint64_t i = 0; i < accept.count; ++i) {
      const EnvelopeId id = accept.first_id.is_zero() ? accept.first_id : accept.first_id.plus(i);
      result.accepted[accept.first_number + i] = id;
    }
  }
  for (const ErrorFrame& error : peer.take<ErrorFrame>()) {
    result.refused.emplace_back(error.reference, error.code);
  }
  for (const StateRow& row : world.state().all_rows()) {
    // In which block an envelope stands is the journal's affair, not the sender's.
    if (row.key.front() != 'R') result.rows.emplace_back(row.key, row.value);
  }
  return result;
}

TEST(Pipeline, TheSameFramesInOneBodyPartOrInSeveralGiveTheSameResult) {
  const auto run = [](auto feed) {
    World world;
    Peer& alice = world.connect("alice");
    world.attach(alice, "alice", posting());
    feed(world, alice, mixed_frames(world));
    return result_of(world, alice);
  };
  const Result one = run([](World& world, Peer& peer, const std::vector<ByteBuffer>& frames) {
    ByteBuffer body;
    for (const ByteBuffer& frame : frames) append(body, frame);
    world.feed(peer, body);
  });
  const Result several_events =
      run([](World& world, Peer& peer, const std::vector<ByteBuffer>& frames) {
        std::vector<Event> events;
        for (const ByteBuffer& frame : frames) events.push_back(FramesArrived{peer.id(), frame});
        world.tell(events);
      });
  const Result several_turns =
      run([](World& world, Peer& peer, const std::vector<ByteBuffer>& frames) {
        for (const ByteBuffer& frame : frames) world.feed(peer, frame);
      });
  EXPECT_EQ(one.accepted.size(), 7U) << "1 3 5 6 7 2 9";
  EXPECT_GE(one.refused.size(), 6U);
  EXPECT_EQ(one, several_events);
  EXPECT_EQ(one, several_turns);
}

TEST(Pipeline, AStretchOfSendsGoesOnFromOneBatchToTheNext) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer envelope = world.envelope_bytes("bob", "b");
  constexpr std::uint64_t kSends = 2500;
  BodyWriter body;
  for (std::uint64_t number = 1; number <= kSends; ++number) {
    body.write(SendView{1, number, envelope});
  }
  ByteBuffer bytes = body.take();
  bytes.push_back(0x01);
  EXPECT_EQ(refused_after(world, alice, bytes), Errors{ErrorCode::kMalformedFrame});
  std::uint64_t accepted = 0;
  for (const Accept& accept : alice.take<Accept>()) accepted += accept.count;
  EXPECT_EQ(accepted, kSends);
}

// Goal: no bytes from a peer that has attached end the hub or what it does for others.
TEST(Pipeline, NoMutatedBodyKeepsOthersFromWorking) {
  World world;
  Random random(99);
  Peer& mallory = world.connect("mallory", {"carol"});
  world.attach(mallory, "carol", posting());
  core_test::Binding both = receiving(2);
  both.epoch = 8;
  world.attach(mallory, "carol", both);
  ByteBuffer body;
  for (const ByteBuffer& frame : mixed_frames(world)) append(body, frame);
  BodyWriter more;
  more.write(Receipt{2, ReceiptKind::kAckUpTo, 3, {}, 100});
  more.write(Attach{1, 3, "carol", AttachMode::kPost, {}, 1, 1, 9, 1});
  more.write(Request{1, "get_agent", encode_params(ParamMap().set("name", std::string("bob")))});
  append(body, more.take());
  for (int round = 0; round < 3000; ++round) {
    ByteBuffer changed = body;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      changed[random.below(changed.size())] = static_cast<std::uint8_t>(random.next());
    }
    world.feed(mallory, changed);
    if (random.one_in(8)) world.settle_all();
    if (random.one_in(50)) world.pass_ms(100);
  }
  world.settle_all();

  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(alice, "alice", posting());
  core_test::Binding newest = receiving();
  newest.since.kind = Since::Kind::kNothing;
  world.attach(bob, "bob", newest);
  world.send(alice, 1, "bob", "still here");
  world.settle_all();
  EXPECT_EQ(bob.take_texts(), Texts{"still here"});
}

}  // namespace
}  // namespace capstan
