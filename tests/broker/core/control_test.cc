// Frames that open, bind, keep alive and close. PROTOCOL.md §5.
#include "capstan/codec/limits.h"
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

// ---- hello ----

TEST(Control, FramesBeforeHelloAreNotConnected) {
  World world;
  Peer& alice = world.open("alice");
  const ByteBuffer envelope = world.envelope_bytes("bob", "one");
  world.say(alice, Ping{1});
  world.say(alice, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 7, 1});
  world.say(alice, SendView{1, 1, envelope});
  world.say(alice, Receipt{1, ReceiptKind::kAckUpTo, 1, {}, 0});
  world.say(alice, Request{1, "get_agent", {0x80}});
  EXPECT_EQ(alice.take_errors(), Errors(5, ErrorCode::kNotConnected));
  EXPECT_TRUE(alice.silent());
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_EQ(world.counter("refused_frames"), 5U);
}

TEST(Control, AnotherMajorVersionIsRefusedWithBothNumbers) {
  World world;
  for (const std::uint32_t version : {0U, 2U, 77U}) {
    Peer& alice = world.open("alice");
    world.say(alice, Hello{version, 0, {}, "test"});
    const Bye bye = alice.take_one<Bye>();
    EXPECT_EQ(bye.code, ErrorCode::kUnsupportedVersion);
    EXPECT_NE(bye.message.find("version 1"), std::string::npos) << bye.message;
    EXPECT_NE(bye.message.find(std::to_string(version)), std::string::npos) << bye.message;
    EXPECT_TRUE(alice.silent());
    world.say(alice, Ping{1});
    EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kNotConnected});
  }
}

TEST(Control, ANewerMinorVersionAndItsFeaturesAreWelcome) {
  World world;
  Peer& alice = world.open("alice");
  world.say(alice, Hello{1, 99, {"telepathy"}, "test"});
  const Welcome welcome = alice.take_one<Welcome>();
  EXPECT_EQ(welcome.version_major, 1U);
  EXPECT_EQ(welcome.version_minor, 0U);
  EXPECT_TRUE(welcome.features.empty());
  EXPECT_EQ(welcome.envelope_bytes_max, 1U << 20);
  EXPECT_EQ(welcome.batch_bytes_max, 4U << 20);
  EXPECT_EQ(welcome.window.envelopes, world.config.window_envelopes);
  EXPECT_EQ(welcome.heartbeat_ms, world.config.heartbeat_ms);
  EXPECT_EQ(welcome.lease_ms, world.config.lease_ms);
  EXPECT_EQ(welcome.operations,
            (Texts{"agent_add", "agent_remove", "dead_drop", "dead_list", "dead_resend",
                   "get_agent", "inbox", "list_agents", "register", "set_resume", "set_rule",
                   "set_skill", "status", "trace", "unregister"}));
}

TEST(Control, ASecondHelloIsWelcomedAndChangesNothing) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.say(alice, Hello{1, 0, {}, "test"});
  (void)alice.take_one<Welcome>();
  world.send(alice, 1, "bob", "one");
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().count, 1U);
}

// ---- Frames that no client sends ----

TEST(Control, FramesOfTheHubAndOfNobodyAreUnknown) {
  World world;
  Peer& alice = world.connect("alice");
  world.say(alice, Welcome{}, Accept{}, NotifyView{}, ErrorFrame{}, Pong{}, Response{}, Presence{});
  const auto errors = alice.take<ErrorFrame>();
  ASSERT_EQ(errors.size(), 7U);
  const FrameType about[] = {FrameType::kWelcome, FrameType::kAccept, FrameType::kNotify,
                             FrameType::kError,   FrameType::kPong,   FrameType::kResponse,
                             FrameType::kPresence};
  for (std::size_t i = 0; i < errors.size(); ++i) {
    EXPECT_EQ(errors[i].code, ErrorCode::kUnknownFrame);
    EXPECT_EQ(errors[i].about, about[i]);
  }
  for (const unsigned type : {0U, 16U, 17U, 100U}) {
    world.feed(alice, {0xc4, 0x02, 0x91, static_cast<std::uint8_t>(type)});
    EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kUnknownFrame}) << type;
  }
  world.feed(alice, {0xc4, 0x03, 0x91, 0xcc, 0xff});
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kUnknownFrame});
}

TEST(Control, AFrameWithWrongFieldsIsMalformedAndTheConnectionLivesOn) {
  World world;
  Peer& alice = world.connect("alice");
  world.feed(alice, {0xc4, 0x03, 0x92, 0x09, 0xc0});  // A ping with nil for a nonce.
  const ErrorFrame error = alice.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kMalformedFrame);
  EXPECT_EQ(error.about, FrameType::kPing);
  world.say(alice, Ping{4});
  EXPECT_EQ(alice.take_one<Pong>().nonce, 4U);
}

// ---- attach ----

TEST(Control, AForeignNameIsRefusedCountedAndAudited) {
  World world;
  Peer& alice = world.connect("alice");
  for (const char* name : {"bob", "nobody", "ALICE", "alice2"}) {
    const Response response = world.attach(alice, name, receiving());
    EXPECT_EQ(response.code, ErrorCode::kAccessDenied) << name;
  }
  EXPECT_TRUE(world.audited("access_denied"));
  EXPECT_EQ(world.counter("refused_identity"), 4U);
  EXPECT_EQ(world.counter("sessions"), 0U);
  EXPECT_EQ(world.attach(alice, "alice", posting()).code, ErrorCode::kOk);
}

TEST(Control, ANameThatNoAgentCanHaveIsNeitherAuditedNorRepeated) {
  World world;
  Peer& alice = world.connect("alice");
  for (const std::string& name :
       {std::string(), std::string("al\nice"), std::string(50'000, 'a')}) {
    const Response response = world.attach(alice, name, receiving());
    EXPECT_EQ(response.code, ErrorCode::kInvalidArgument);
    EXPECT_LT(response.message.size(), 100U);
    EXPECT_EQ(response.message.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(world.audited("access_denied"));
}

TEST(Control, UnknownAndForeignNamesGetTheSameAnswer) {
  World world;
  Peer& alice = world.connect("alice");
  std::string foreign = world.attach(alice, "bob", receiving()).message;
  std::string unknown = world.attach(alice, "nob", receiving()).message;
  foreign.replace(foreign.find("bob"), 3, "*");
  unknown.replace(unknown.find("nob"), 3, "*");
  EXPECT_EQ(foreign, unknown);
}

TEST(Control, ANameThatAGlobCoversRegistersAtItsFirstAttach) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  EXPECT_EQ(world.attach(node, "worker-1", posting()).code, ErrorCode::kOk);
  EXPECT_EQ(world.count_records(RecordType::kAgent), 4U);
  const AgentId id = world.id("worker-1");
  EXPECT_EQ(world.attach(node, "worker-1", posting()).code, ErrorCode::kOk);
  EXPECT_EQ(world.id("worker-1"), id) << "the second time it is known";
  EXPECT_EQ(world.attach(node, "manager", posting()).code, ErrorCode::kAccessDenied);
  EXPECT_NE(world.attach(node, "worker-\n", posting()).code, ErrorCode::kOk)
      << "what no agent may be called";
}

TEST(Control, ANameOfAnotherKeyIsRefusedAlsoWhenAGlobCoversIt) {
  World world;
  Peer& node = world.connect("node", {"*"});
  EXPECT_EQ(world.attach(node, "bob", receiving()).code, ErrorCode::kAccessDenied);
  EXPECT_EQ(world.attach(node, "dave", receiving()).code, ErrorCode::kOk);
}

TEST(Control, AnAnswerSaysTheIdAndUpToWhereAllIsSettled) {
  World world;
  Peer& alice = world.connect("alice");
  Response response = world.attach(alice, "alice", posting());
  auto result = decode_params(response.result);
  ASSERT_TRUE(result.ok());
  const AgentId id = world.id("alice");
  EXPECT_EQ(result->bytes("agent_id"), ByteBuffer(id.bytes.begin(), id.bytes.end()));
  EXPECT_EQ(result->number("floor"), 0U);
  world.send(alice, 1, "bob", "one");
  world.send(alice, 2, "bob", "two");
  world.commit();
  (void)alice.take<Accept>();
  Binding again = posting();
  again.first_number = 3;
  result = decode_params(world.attach(alice, "alice", again).result);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->number("floor"), 2U);
}

TEST(Control, SessionZeroIsTheConnectionItself) {
  World world;
  Peer& alice = world.connect("alice");
  EXPECT_EQ(world.attach(alice, "alice", posting(7, 0)).code, ErrorCode::kInvalidArgument);
}

TEST(Control, WithoutCurveAnybodyMaySpeakForEveryKnownAgentAndForNoOther) {
  World world;
  Peer& anybody = world.connect_any_key();
  EXPECT_EQ(world.attach(anybody, "alice", posting(7, 1)).code, ErrorCode::kOk);
  EXPECT_EQ(world.attach(anybody, "bob", receiving(2)).code, ErrorCode::kOk);
  EXPECT_EQ(world.attach(anybody, "nobody", receiving(3)).code, ErrorCode::kAccessDenied);
  EXPECT_EQ(world.request(anybody, "status").code, ErrorCode::kOk);
}

// ---- ping, bye ----

TEST(Control, APongHasTheNonceAndACursorForEveryReceiver) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-2", receiving(9));
  world.attach(node, "worker-1", receiving(4));
  world.attach(node, "worker-3", posting(7, 6));
  world.say(node, Ping{UINT64_MAX});
  const Pong pong = node.take_one<Pong>();
  EXPECT_EQ(pong.nonce, UINT64_MAX);
  ASSERT_EQ(pong.cursors.size(), 2U);
  EXPECT_EQ(pong.cursors[0].first, 4U);
  EXPECT_EQ(pong.cursors[1].first, 9U);
}

TEST(Control, PongsToManyPingsLeaveInBodyPartsOfTheUsualSize) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  for (SessionId session = 1; session <= 300; ++session) {
    world.attach(node, "worker-" + std::to_string(session), receiving(session));
  }
  BodyWriter pings;
  for (std::uint64_t nonce = 1; nonce <= 500; ++nonce) pings.write(Ping{nonce});
  world.feed(node, pings.take());
  EXPECT_EQ(node.take<Pong>().size(), 500U);
  EXPECT_LT(world.body_bytes_max, 2 * kBatchBytesTarget);
}

TEST(Control, AByeEndsTheConnectionAndItsSessions) {
  World world;
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.say(bob, Bye{});
  EXPECT_TRUE(world.evicted.contains(bob.id()));
  EXPECT_EQ(world.counter("sessions"), 0U);
}

TEST(Control, AByeWithASessionEndsThatOneAlone) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(7));
  Peer& node = world.connect("node", {"worker-*"});
  world.attach(node, "worker-1", receiving(1));
  world.attach(node, "worker-2", receiving(2));
  world.send(alice, 1, "worker-1", "first");
  world.send(alice, 2, "worker-2", "second");
  world.commit();
  EXPECT_EQ(node.take_texts(), (Texts{"first", "second"}));
  world.say(node, Bye{ErrorCode::kOk, "", 1}, Receipt{2, ReceiptKind::kAckUpTo, 1, {}, 100},
            Receipt{1, ReceiptKind::kAckUpTo, 1, {}, 100});
  EXPECT_FALSE(world.evicted.contains(node.id()));
  EXPECT_EQ(node.take_errors(), (std::vector{ErrorCode::kUnknownSession})) << "session 1 is over";
  EXPECT_EQ(world.counter("sessions"), 2U) << "alice's, and worker-2's";
  world.pass_ms(60);
  world.settle_all();
  EXPECT_EQ(world.pending("worker-1"), 1U);
  EXPECT_EQ(world.pending("worker-2"), 0U);
  world.attach(node, "worker-1", receiving(3));
  EXPECT_EQ(node.take_texts(), Texts{"first"}) << "what was not acknowledged comes again";
}

TEST(Control, AByeToASessionThatDoesNotStandIsPassedOver) {
  World world;
  Peer& stranger = world.open("bob");
  world.say(stranger, Bye{ErrorCode::kOk, "", 7});
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving(1));
  world.say(bob, Bye{ErrorCode::kOk, "", 7});
  EXPECT_TRUE(stranger.silent() && bob.silent());
  EXPECT_TRUE(world.evicted.empty());
  EXPECT_EQ(world.counter("sessions"), 1U);
}

TEST(Control, WhatASessionSentBeforeItsByeIsStored) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(7));
  world.send(alice, 1, "bob", "last words");
  world.say(alice, Bye{ErrorCode::kOk, "", 1});
  world.commit();
  EXPECT_EQ(world.pending("bob"), 1U);
  EXPECT_TRUE(alice.silent()) << "nobody is there to hear of it";
}

TEST(Control, AByeIsTakenBeforeHelloToo) {
  World world;
  Peer& bob = world.open("bob");
  world.say(bob, Bye{});
  EXPECT_TRUE(bob.silent());
  EXPECT_TRUE(world.evicted.contains(bob.id()));
}

TEST(Control, FramesOfAConnectionThatNobodyOpenedAreIgnored) {
  World world;
  BodyWriter body;
  body.write(Hello{1, 0, {}, "test"});
  const ByteBuffer bytes = body.take();
  world.tell(FramesArrived{ConnectionId{77, 1}, bytes});
  EXPECT_EQ(world.counter("connections"), 1U) << "the operator who asks";
}

// ---- Frames that are larger than any of their kind ----

/// Its elements are bounded array by array: parsed, it takes thousands of times their memory.
ByteBuffer many_arrays(std::size_t arrays) {
  ByteBuffer bytes{0xdc, static_cast<std::uint8_t>(arrays >> 8), static_cast<std::uint8_t>(arrays)};
  for (std::size_t i = 0; i < arrays; ++i) {
    append(bytes, ByteBuffer{0xdc, 0x10, 0x00});
    bytes.resize(bytes.size() + 4096, 0xc0);
  }
  return bytes;
}

TEST(Control, ARequestThatIsTooLargeIsAnsweredUnderItsNumber) {
  World world;
  Peer& alice = world.connect("alice");
  world.say(alice, Request{9, "register", many_arrays(40)});
  const Response response = alice.take_one<Response>();
  EXPECT_EQ(response.request_id, 9U);
  EXPECT_EQ(response.code, ErrorCode::kTooLarge);
  EXPECT_NE(response.message.find("131072"), std::string::npos);
  EXPECT_EQ(world.counter("refused_frames"), 1U);
  // One octet above the limit, and at it.
  Request request{10, "list_agents", ByteBuffer(kControlFrameBytesMax - 20, 0xc0)};
  BodyWriter body;
  body.write(request);
  ASSERT_EQ(body.size(), 5 + kControlFrameBytesMax);
  world.feed(alice, body.take());
  EXPECT_EQ(alice.take_one<Response>().code, ErrorCode::kMalformedFrame) << "it was looked at";
  request.params.push_back(0);
  world.say(alice, request);
  EXPECT_EQ(alice.take_one<Response>().code, ErrorCode::kTooLarge);
}

TEST(Control, AnotherFrameThatIsTooLargeIsRefusedAsOfItsType) {
  World world;
  Peer& alice = world.connect("alice");
  ByteBuffer hello{0x95, 0x01, 0x01, 0x00};
  append(hello, many_arrays(40));
  hello.push_back(0xa0);
  ByteBuffer body{0xc6, 0, static_cast<std::uint8_t>(hello.size() >> 16),
                  static_cast<std::uint8_t>(hello.size() >> 8),
                  static_cast<std::uint8_t>(hello.size())};
  append(body, hello);
  world.feed(alice, body);
  const ErrorFrame about_hello = alice.take_one<ErrorFrame>();
  EXPECT_EQ(about_hello.about, FrameType::kHello);
  EXPECT_EQ(about_hello.code, ErrorCode::kTooLarge);
  world.say(
      alice,
      Attach{1, 3, std::string(kControlFrameBytesMax, 'a'), AttachMode::kPost, {}, 1, 1, 9, 1});
  const ErrorFrame about_attach = alice.take_one<ErrorFrame>();
  EXPECT_EQ(about_attach.about, FrameType::kAttach);
  EXPECT_EQ(about_attach.code, ErrorCode::kTooLarge);
}

// ---- More in one turn than anybody needs ----

TEST(Control, BeyondTheShareOfATurnAHelloIsNotAnsweredAgain) {
  World world;
  Peer& mallory = world.connect("alice");
  constexpr std::size_t kHellos = 60'000;
  BodyWriter body;
  for (std::size_t i = 0; i < kHellos; ++i) body.write(Hello{1, 0, {}, ""});
  world.feed(mallory, body.take());
  const std::size_t welcomes = mallory.take<Welcome>().size();
  EXPECT_GT(welcomes, 1'000U);
  EXPECT_LT(welcomes, kHellos * 3 / 4);
  EXPECT_EQ(world.counter("refused_frames"), kHellos - welcomes);
}

TEST(Control, BeyondTheShareOfATurnNoOtherVersionIsToldWhatIsSpoken) {
  World world;
  Peer& mallory = world.open("alice");
  constexpr std::size_t kHellos = 200'000;
  BodyWriter body;
  for (std::size_t i = 0; i < kHellos; ++i) body.write(Hello{2, 0, {}, ""});
  world.feed(mallory, body.take());
  const std::size_t told = mallory.take<Bye>().size();
  EXPECT_GT(told, 1'000U);
  EXPECT_LT(told, kHellos);
  EXPECT_EQ(world.counter("refused_frames"), kHellos - told);
}

TEST(Control, BeyondTheShareOfATurnAPongHasNoCursors) {
  World world;
  Peer& mallory = world.connect("mallory", {"worker-*"});
  constexpr SessionId kSessions = 200;
  for (SessionId session = 1; session <= kSessions; ++session) {
    world.attach(mallory, "worker-" + std::to_string(session), receiving(session));
  }
  constexpr std::uint64_t kPings = 30'000;
  BodyWriter body;
  for (std::uint64_t nonce = 1; nonce <= kPings; ++nonce) body.write(Ping{nonce});
  world.feed(mallory, body.take());
  const auto pongs = mallory.take<Pong>();
  ASSERT_EQ(pongs.size(), kPings) << "each shows that the core lives";
  EXPECT_EQ(pongs.front().cursors.size(), kSessions);
  EXPECT_TRUE(pongs.back().cursors.empty());
  world.say(mallory, Ping{1});
  EXPECT_EQ(mallory.take_one<Pong>().cursors.size(), kSessions);
}

// Goal: a session that has no cursor is looked at, too, and many cost as much as an answer.
TEST(Control, PingsOfManySessionsTakeOfTheShareOfATurn) {
  World world;
  Peer& mallory = world.connect("mallory", {"worker-*"});
  constexpr SessionId kPosting = 2'000;
  for (SessionId session = 1; session <= kPosting; ++session) {
    world.attach(mallory, "worker-1", posting(session, session));
  }
  world.attach(mallory, "worker-1", receiving(kPosting + 1));
  BodyWriter body;
  for (std::uint64_t nonce = 1; nonce <= 1'000; ++nonce) body.write(Ping{nonce});
  world.feed(mallory, body.take());
  const auto pongs = mallory.take<Pong>();
  ASSERT_EQ(pongs.size(), 1'000U);
  EXPECT_EQ(pongs.front().cursors.size(), 1U);
  EXPECT_TRUE(pongs.back().cursors.empty());
}

}  // namespace
}  // namespace capstan
