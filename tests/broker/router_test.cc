// Real sockets on free loopback ports: which peer is which, and what happens to one that is gone or
// does not read.
#include "router.h"

#include "router_world.h"

namespace capstan {
namespace {

using router_test::admit;
using router_test::bytes;
using router_test::Dealer;
using router_test::Frames;
using router_test::Listening;
using router_test::RoutingIds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ---- bind ----

TEST(Router, APortInUseIsToldWithTheEndpoint) {
  Listening hub(Encryption::kNone);
  const auto second = hub.bind(hub.router->endpoint());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(second.error().context.find(hub.router->endpoint()), std::string::npos);
}

TEST(Router, AnEndpointThatIsNoneIsAnIoError) {
  Listening hub(Encryption::kNone);
  const auto other = hub.bind("nowhere://here");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kIo);
}

TEST(Router, SaysWhereItReallyListens) {
  Listening hub(Encryption::kNone);
  EXPECT_EQ(hub.router->endpoint().rfind("tcp://127.0.0.1:", 0), 0U);
  EXPECT_EQ(hub.router->endpoint().find('*'), std::string::npos);
}

// ---- Peers ----

TEST(Router, AStrangerWithAnAdmittedKeyIsNobodyOnceTheKeyIsWithdrawn) {
  Listening hub(Encryption::kCurve);
  const auto keys = admit(hub, {"bob"});
  const KeyPair& key = keys.at("bob");
  Dealer bob(hub.context);
  bob.use_curve(key, hub.hub_key.public_key).connect(hub.router->endpoint());
  bob.send("one");
  const Frames first = hub.next_frames();
  ASSERT_EQ(hub.opened.size(), 1U);
  EXPECT_EQ(hub.opened[0].identity.name, "bob");
  EXPECT_EQ(hub.opened[0].identity.key, key.public_key.bytes);
  EXPECT_FALSE(hub.opened[0].any_key);

  hub.credentials.replace(CredentialSnapshot::empty());
  hub.router->evict(first.from);
  bob.send("two");
  EXPECT_TRUE(hub.turn_until([&] { return hub.router->refused_identity() == 1; }));
  EXPECT_TRUE(hub.frames.empty());
  EXPECT_EQ(hub.opened.size(), 1U);
}

TEST(Router, APeerIsOpenedByItsFirstMessageAndKnownByTheNext) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.connect(hub.router->endpoint());
  dealer.send("one");
  dealer.send("two");
  const Frames first = hub.next_frames();
  const Frames second = hub.next_frames();
  EXPECT_EQ(first.body, "one");
  EXPECT_EQ(second.body, "two");
  EXPECT_EQ(first.from, second.from);
  ASSERT_EQ(hub.opened.size(), 1U);
  EXPECT_EQ(hub.opened[0].connection, first.from);
  EXPECT_TRUE(hub.opened[0].any_key) << "without CURVE nobody is told apart";
}

TEST(Router, TwoPeersAreTwoConnectionsAndEachHearsItsOwn) {
  Listening hub(Encryption::kNone);
  Dealer a(hub.context);
  Dealer b(hub.context);
  a.connect(hub.router->endpoint()).send("a");
  b.connect(hub.router->endpoint()).send("b");
  const Frames first = hub.next_frames();
  const Frames second = hub.next_frames();
  EXPECT_NE(first.from, second.from);
  for (const Frames& frame : {first, second}) {
    hub.router->send({frame.from, bytes("for " + frame.body)});
  }
  EXPECT_EQ(a.hear(), "for a");
  EXPECT_EQ(b.hear(), "for b");
}

// Goal: who takes over the address of a peer with another key takes nothing else: the one before is
// gone, and the new one is told apart by its key.
TEST(Router, AnotherKeyOnTheSameAddressEndsTheFirst) {
  Listening hub(Encryption::kCurve, RoutingIds::kClaimed);
  const auto keys = admit(hub, {"bob", "mallory"});
  const auto dealer_of = [&](const std::string& name) {
    auto dealer = std::make_unique<Dealer>(hub.context);
    dealer->use_curve(keys.at(name), hub.hub_key.public_key);
    dealer->call_itself("fixed").connect(hub.router->endpoint());
    return dealer;
  };
  auto bob = dealer_of("bob");
  bob->send("one");
  const Frames first = hub.next_frames();
  ASSERT_EQ(hub.opened.size(), 1U);
  EXPECT_EQ(hub.opened[0].identity.name, "bob");
  EXPECT_EQ(hub.router->refused_identity(), 0U);
  bob->close();

  // Until libzmq has seen that bob is gone it reads nobody else under his address.
  std::unique_ptr<Dealer> mallory;
  for (int tries = 0; tries < 200 && hub.frames.empty(); ++tries) {
    mallory = dealer_of("mallory");
    mallory->send("two");
    const auto end = steady_clock::now() + milliseconds(100);
    (void)hub.turn_until([&] { return !hub.frames.empty() || steady_clock::now() > end; });
  }
  ASSERT_EQ(hub.frames.size(), 1U);
  EXPECT_EQ(hub.frames[0].body, "two");
  EXPECT_EQ(hub.gone, std::vector<ConnectionId>{first.from});
  EXPECT_EQ(hub.router->refused_identity(), 1U);
  ASSERT_EQ(hub.opened.size(), 2U);
  EXPECT_EQ(hub.opened[1].identity.name, "mallory");
  EXPECT_EQ(hub.opened[1].connection, hub.frames[0].from);
  EXPECT_NE(hub.frames[0].from, first.from);
  hub.router->send({first.from, bytes("for bob alone")});
  hub.router->send({hub.frames[0].from, bytes("for mallory")});
  EXPECT_EQ(mallory->hear(), "for mallory");
}

// Goal: what libzmq calls HANDOVER is off; it cannot be asked.
TEST(Router, ASecondPeerUnderTheAddressOfOneThatIsThereIsNotHeardAndGetsNothing) {
  Listening hub(Encryption::kCurve, RoutingIds::kClaimed);
  const auto keys = admit(hub, {"bob", "mallory"});
  Dealer bob(hub.context);
  bob.use_curve(keys.at("bob"), hub.hub_key.public_key);
  bob.call_itself("fixed").connect(hub.router->endpoint()).send("one");
  const ConnectionId connection = hub.next_frames().from;
  Dealer mallory(hub.context);
  mallory.use_curve(keys.at("mallory"), hub.hub_key.public_key);
  mallory.call_itself("fixed").connect(hub.router->endpoint()).send("two");
  // Others' frames that come later show that hers are not on their way.
  Dealer late(hub.context);
  late.use_curve(keys.at("mallory"), hub.hub_key.public_key).connect(hub.router->endpoint());
  late.send("three");
  EXPECT_EQ(hub.next_frames().body, "three");
  hub.router->send({connection, bytes("for bob alone")});
  EXPECT_EQ(bob.hear(), "for bob alone");
  EXPECT_EQ(mallory.hear_now(), "");
  EXPECT_TRUE(hub.gone.empty());
  EXPECT_EQ(hub.router->refused_identity(), 0U);
}

TEST(Router, OnlyTheFirstBodyPartOfAMessageIsTaken) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.connect(hub.router->endpoint());
  dealer.send_parts({"first", "second", "third"});
  dealer.send_parts({"", "behind an empty one"});
  dealer.send("next");
  const Frames first = hub.next_frames();
  EXPECT_EQ(first.body, "first");
  EXPECT_EQ(first.parts_dropped, 2U) << "the core tells the peer so";
  const Frames empty = hub.next_frames();
  EXPECT_EQ(empty.body, "");
  EXPECT_EQ(empty.parts_dropped, 1U);
  const Frames next = hub.next_frames();
  EXPECT_EQ(next.body, "next");
  EXPECT_EQ(next.parts_dropped, 0U);
  EXPECT_TRUE(hub.frames.empty());
  EXPECT_EQ(hub.opened.size(), 1U);
}

TEST(Router, ReceivesNoMoreThanItWasAskedForAndThenTheRest) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.connect(hub.router->endpoint());
  const std::string body(10'000, 'x');
  for (int i = 0; i < 20; ++i) dealer.send(body);
  std::size_t received = 0;
  ASSERT_TRUE(hub.turn_until([&] {
    std::vector<Event> events;
    hub.router->receive(events, 25'000);
    std::size_t bodies = 0;
    for (const Event& event : events) bodies += std::holds_alternative<FramesArrived>(event);
    EXPECT_LE(bodies, 3U);
    received += bodies + hub.frames.size();
    hub.frames.clear();
    return received == 20;
  }));
}

// ---- Sending ----

TEST(Router, AnEvictedPeerIsAStrangerWithANewConnection) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.connect(hub.router->endpoint());
  dealer.send("one");
  const ConnectionId before = hub.next_frames().from;
  hub.router->evict(before);
  hub.router->evict(before);
  hub.router->send({before, bytes("to nobody")});
  dealer.send("two");
  const ConnectionId after = hub.next_frames().from;
  EXPECT_NE(before, after);
  EXPECT_EQ(hub.opened.size(), 2U);
  hub.router->send({before, bytes("to nobody")});
  hub.router->send({after, bytes("hello")});
  EXPECT_EQ(dealer.hear(), "hello");
  EXPECT_TRUE(hub.gone.empty());
}

TEST(Router, ConnectionsThatNeverWereAreIgnored) {
  Listening hub(Encryption::kNone);
  hub.router->send({ConnectionId{5, 1}, bytes("x")});
  hub.router->evict(ConnectionId{5, 1});
  std::vector<Event> events;
  hub.router->take_gone(events);
  EXPECT_TRUE(events.empty());
}

TEST(Router, SendingToAPeerThatLeftReportsItGoneOnce) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.connect(hub.router->endpoint());
  dealer.send("one");
  const ConnectionId connection = hub.next_frames().from;
  dealer.close();
  EXPECT_TRUE(hub.turn_until([&] {
    hub.router->send({connection, bytes("are you there?")});
    return !hub.gone.empty();
  }));
  EXPECT_EQ(hub.gone, std::vector<ConnectionId>{connection});
  hub.router->send({connection, bytes("still?")});
  std::vector<Event> events;
  hub.router->take_gone(events);
  EXPECT_TRUE(events.empty());
}

TEST(Router, APeerThatComesBackUnderItsNameIsAnotherConnection) {
  Listening hub(Encryption::kNone);
  auto dealer = std::make_unique<Dealer>(hub.context);
  dealer->call_itself("fixed").connect(hub.router->endpoint()).send("one");
  const ConnectionId before = hub.next_frames().from;
  dealer->close();
  ASSERT_TRUE(hub.turn_until([&] {
    hub.router->send({before, bytes("are you there?")});
    return !hub.gone.empty();
  }));
  dealer = std::make_unique<Dealer>(hub.context);
  dealer->call_itself("fixed").connect(hub.router->endpoint()).send("two");
  const ConnectionId after = hub.next_frames().from;
  EXPECT_NE(before, after);
  EXPECT_EQ(before.index, after.index) << "the place is used again, with another generation";
  hub.router->send({before, bytes("for the one before")});
  hub.router->send({after, bytes("welcome back")});
  EXPECT_EQ(dealer->hear(), "welcome back");
}

constexpr std::size_t kBodyBytes = 64 * 1024;

TEST(Router, WhatThePipeHasNoRoomForWaitsAndComesInOrder) {
  Listening hub(Encryption::kNone);
  Dealer dealer(hub.context);
  dealer.hold_little().connect(hub.router->endpoint());
  dealer.send("one");
  const ConnectionId connection = hub.next_frames().from;
  std::size_t sent = 0;
  const auto send_numbered = [&] {
    ByteBuffer body = bytes(std::to_string(sent++) + " ");
    body.resize(kBodyBytes, 'x');
    hub.router->send({connection, std::move(body)});
  };
  while (!hub.router->flush()) send_numbered();
  for (int i = 0; i < 20; ++i) send_numbered();
  EXPECT_TRUE(hub.router->flush());
  std::size_t heard = 0;
  EXPECT_TRUE(hub.turn_until([&] {
    for (std::string body = dealer.hear_now(); !body.empty(); body = dealer.hear_now()) {
      EXPECT_EQ(body.substr(0, body.find(' ')), std::to_string(heard));
      ++heard;
    }
    return heard == sent;
  }));
  EXPECT_FALSE(hub.router->flush());
  EXPECT_TRUE(hub.gone.empty());
}

TEST(Router, APeerThatNeverReadsIsGoneWhenItsOutboxIsFullAndOthersGoOn) {
  Listening hub(Encryption::kNone);
  Dealer lazy(hub.context);
  Dealer lively(hub.context);
  lazy.hold_little().connect(hub.router->endpoint()).send("lazy");
  const ConnectionId slow = hub.next_frames().from;
  lively.connect(hub.router->endpoint()).send("lively");
  const ConnectionId quick = hub.next_frames().from;
  while (!hub.router->flush()) hub.router->send({slow, ByteBuffer(kBodyBytes, 'x')});
  std::size_t waiting = 0;
  std::vector<Event> events;
  while (events.empty() && waiting < 2 * Router::kOutboxBytesMax) {
    hub.router->send({slow, ByteBuffer(kBodyBytes, 'x')});
    waiting += kBodyBytes;
    hub.router->take_gone(events);
  }
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<PeerGone>(events[0]).connection, slow);
  EXPECT_LE(waiting, Router::kOutboxBytesMax + kBodyBytes);
  hub.router->send({slow, bytes("to nobody")});
  hub.router->send({quick, bytes("hello")});
  EXPECT_EQ(lively.hear(), "hello");
  // When it reads again, all that is left for it is the reason.
  std::string last;
  EXPECT_TRUE(hub.turn_until([&] {
    for (std::string body = lazy.hear_now(); !body.empty(); body = lazy.hear_now()) last = body;
    return last.find("read faster") != std::string::npos;
  }));
  EXPECT_FALSE(hub.router->flush()) << "nothing waits any more";
  events.clear();
  hub.router->take_gone(events);
  EXPECT_TRUE(events.empty()) << "it is told once that it went";
}

}  // namespace
}  // namespace capstan
