#include "capstan/client/engine.h"

#include <gtest/gtest.h>

#include "conversation.h"

namespace capstan {
namespace {

using test::agent_named;
using test::Conversation;
using test::Numbers;

// ---- Connection

TEST(Connection, SaysHelloThenAttachesThenIsReady) {
  Conversation c;
  const SessionId s = c.session();
  c.greet();
  ASSERT_EQ(c.heard.hellos.size(), 1U);
  EXPECT_EQ(c.heard.hellos[0].version_major, kWireVersionMajor);
  EXPECT_TRUE(c.heard.attaches.empty());
  c.say(test::welcome());
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_EQ(c.heard.attaches[0].session, s);
  EXPECT_TRUE(c.take<Ready>().empty());
  c.admit();
  EXPECT_EQ(c.take<Attached>().at(0).agent, agent_named('A'));
  EXPECT_EQ(c.take<Ready>().size(), 1U);
}

TEST(Connection, UnknownMajorVersionEndsIt) {
  Conversation c;
  (void)c.session();
  c.engine().connected({});
  Welcome welcome = test::welcome();
  welcome.version_major = 99;
  c.say(welcome);
  EXPECT_EQ(c.take<ConnectionEnded>().at(0).error.code, ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(c.take<SessionEnded>().size(), 1U);
}

TEST(Connection, RefusedHandshakeEndsIt) {
  Conversation c;
  (void)c.session();
  c.engine().disconnected({}, {ErrorCode::kRefusedHandshake, "unknown key"});
  c.turn();
  EXPECT_EQ(c.take<SessionEnded>().at(0).error.code, ErrorCode::kRefusedHandshake);
  EXPECT_EQ(c.take<ConnectionEnded>().size(), 1U);
  c.open();
  EXPECT_TRUE(c.heard.hellos.empty());
}

TEST(Connection, WithoutWelcomeItMustReconnect) {
  Conversation c;
  c.engine().connected({1'000 * kNsPerSecond, 0});
  c.turn();
  c.pass_ms(4'999);
  EXPECT_TRUE(c.take<MustReconnect>().empty());
  c.pass_ms(1);
  EXPECT_EQ(c.take<MustReconnect>().at(0).error.code, ErrorCode::kTimeout);
}

TEST(Connection, PingsEachHeartbeatAndGivesUpAfterThreeSilentOnes) {
  Conversation c;
  c.open();
  c.pass_ms(1'000);
  c.pass_ms(1'000);
  EXPECT_EQ(c.heard.pings.size(), 2U);
  c.say(Pong{c.heard.pings[0].nonce, {}});
  c.pass_ms(2'999);
  EXPECT_TRUE(c.take<MustReconnect>().empty());
  c.pass_ms(1);
  EXPECT_EQ(c.take<MustReconnect>().at(0).error.code, ErrorCode::kUnavailable);
}

TEST(Connection, BrokenBytesFromTheHubMustReconnect) {
  Conversation c;
  c.open();
  const ByteBuffer garbage{0xc4, 0x02, 0x91};
  c.engine().body({}, garbage);
  c.turn();
  EXPECT_EQ(c.take<MustReconnect>().size(), 1U);
}

TEST(Connection, UnknownSessionMustReconnectAndAttachAgain) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.refuse(s, 1, ErrorCode::kUnknownSession);
  EXPECT_EQ(c.take<MustReconnect>().size(), 1U);
  c.open();
  EXPECT_EQ(c.heard.attaches.at(0).session, s);
}

TEST(Connection, AnEndpointThatIsNoneEndsIt) {
  Conversation c;
  (void)c.session();
  c.engine().disconnected({}, {ErrorCode::kInvalidArgument, "cannot connect to nonsense"});
  c.turn();
  EXPECT_EQ(c.take<ConnectionEnded>().at(0).error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(c.take<SessionEnded>().size(), 1U);
  c.greet();
  EXPECT_TRUE(c.heard.hellos.empty());
}

TEST(Connection, GoodbyeMustReconnect) {
  Conversation c;
  c.open();
  c.say(Bye{ErrorCode::kHubStopping, "restart"});
  EXPECT_EQ(c.take<MustReconnect>().at(0).error.code, ErrorCode::kHubStopping);
}

// ---- Names

TEST(Names, TheWholeSessionWaitsForTheAnswerSoThatOrderHolds) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "B");
  c.post_to_name(s, "carol");
  c.post(s, "B");
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
  ASSERT_EQ(c.heard.requests.size(), 1U);
  EXPECT_EQ(c.heard.requests[0].operation, "get_agent");
  c.say(test::attached(c.heard.requests[0].request_id, 'C'));
  ASSERT_EQ(c.heard.sent.size(), 2U);
  EXPECT_EQ(parse_envelope(c.heard.sent[0].envelope)->channel_id(), mailbox_of(agent_named('C')));
  EXPECT_EQ(c.take<NameResolved>().at(0).name, "carol");
  c.post_to_name(s, "carol");
  EXPECT_EQ(c.heard.requests.size(), 1U);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2, 3, 4}));
}

TEST(Names, AnUnknownNameIsRefusedAndSkipped) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post_to_name(s, "nobody");
  c.post(s, "B");
  Response none;
  none.request_id = c.heard.requests.at(0).request_id;
  none.code = ErrorCode::kNotFound;
  c.say(none);
  EXPECT_EQ(c.take<Refused>().at(0).error.code, ErrorCode::kNotFound);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1, 2}));
}

// Goal: who goes on behind a number that stays open is held back by the outbox, whoever is meant.
TEST(Names, WhatIsRefusedWithItsNameIsReportedWhenItsTurnComes) {
  constexpr std::size_t kWindow = 4;
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit(kWindow);
  c.post(s, "B");
  c.refuse(s, 1, ErrorCode::kInboxFull);
  std::size_t reported = 0;
  for (int i = 0; i < 20; ++i) {
    c.post_to_name(s, "nobody");
    c.say(Response{c.heard.requests.back().request_id, ErrorCode::kNotFound, "no agent", {}});
    reported += c.take<Refused>().size();
  }
  EXPECT_EQ(reported, kWindow);
  c.accept(s, 1);
  for (std::uint64_t number = 2; number <= 21; ++number) c.accept_skip(s, number);
  reported += c.take<Refused>().size();
  EXPECT_EQ(reported, 20U);
}

TEST(Names, OneThatNoAgentCanHaveIsRefusedHere) {
  for (const std::string& name : {std::string(), std::string(kAgentNameBytesMax + 1, 'a')}) {
    Conversation c;
    const SessionId s = c.session();
    c.open_and_admit();
    c.post_to_name(s, name);
    c.post(s, "B");
    EXPECT_EQ(c.take<Refused>().at(0).error.code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(c.heard.requests.empty());
    EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1, 2}));
  }
}

// ---- The end of sessions

TEST(Sessions, SupersededEndsForGood) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.end_session(s, ErrorCode::kSuperseded);
  EXPECT_EQ(c.take<SessionEnded>().at(0).error.code, ErrorCode::kSuperseded);
  c.lose();
  c.open();
  EXPECT_TRUE(c.heard.attaches.empty());
}

TEST(Sessions, ADetachedOneTellsTheHubWhatItAcknowledgedAndThenGoodbye) {
  Conversation c;
  const SessionId s = c.receiver();
  const SessionId other = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 1);
  c.notify(s, 2, 2);
  c.engine().acknowledge(s, 1, 1);
  c.engine().detach(s);
  c.turn();
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].delivery, 1U);
  EXPECT_EQ(c.heard.byes, std::vector{s});
  EXPECT_TRUE(c.take<SessionEnded>().empty());
  c.lose();
  c.open();
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_EQ(c.heard.attaches[0].session, other);
}

TEST(Sessions, ADetachedOneSaysGoodbyeWhenItsAttachIsStillUnanswered) {
  Conversation c;
  const SessionId s = c.session();
  c.open();
  c.engine().detach(s);
  c.admit();
  EXPECT_EQ(c.heard.byes, std::vector{s});
  EXPECT_TRUE(c.take<Attached>().empty());
}

TEST(Sessions, OneThatTheHubEndedOrNeverHeardOfSaysNoGoodbye) {
  Conversation c;
  const SessionId ended = c.receiver();
  c.open_and_admit();
  c.end_session(ended, ErrorCode::kSuperseded);
  c.engine().detach(ended);
  c.lose();
  const SessionId unheard = c.session();
  c.engine().detach(unheard);
  c.open();
  EXPECT_TRUE(c.heard.byes.empty());
}

TEST(Sessions, ASlowReaderAttachesAgainAfterABackOff) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.end_session(s, ErrorCode::kSlowReader);
  EXPECT_TRUE(c.heard.attaches.empty());
  EXPECT_EQ(c.take<AttachDelayed>().at(0).error.code, ErrorCode::kSlowReader);
  c.pass_ms(50);
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_EQ(c.heard.attaches[0].session, s);
  EXPECT_TRUE(c.take<SessionEnded>().empty());
}

TEST(Sessions, AnAttachAfterTheEndOfTheConnectionIsToldWhyItEnded) {
  Conversation c;
  c.engine().disconnected({}, {ErrorCode::kRefusedHandshake, "unknown key"});
  const SessionId late = c.session();
  c.turn();
  const auto ended = c.take<SessionEnded>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].session, late);
  EXPECT_EQ(ended[0].error.code, ErrorCode::kRefusedHandshake);
}

TEST(Sessions, ANameThatIsTooLongForAnyAgentEndsTheSessionAndIsNotSent) {
  Conversation c;
  SessionOptions options;
  options.agent = std::string(kAgentNameBytesMax + 1, 'a');
  (void)c.session(options);
  c.open();
  EXPECT_EQ(c.take<SessionEnded>().at(0).error.code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(c.heard.attaches.empty());
  options.agent.pop_back();
  (void)c.session(options);
  c.turn();
  EXPECT_EQ(c.heard.attaches.size(), 1U);
}

TEST(Sessions, ARefusedAttachEndsOneSessionAndNotTheConnection) {
  Conversation c;
  (void)c.session();
  c.open();
  Response denied;
  denied.request_id = c.heard.attaches.at(0).request_id;
  denied.code = ErrorCode::kAccessDenied;
  c.say(denied);
  EXPECT_EQ(c.take<SessionEnded>().at(0).error.code, ErrorCode::kAccessDenied);
  EXPECT_EQ(c.take<Ready>().size(), 1U);
  EXPECT_TRUE(c.take<ConnectionEnded>().empty());
}

// ---- Requests

TEST(Requests, LostAnswersAreAskedForAgainOrUnknown) {
  Conversation c;
  c.open();
  const auto read = c.engine().request("status", {0x80}, Repeat::kYes);
  const auto change = c.engine().request("register", {0x80}, Repeat::kNo);
  c.turn();
  EXPECT_EQ(c.heard.requests.size(), 2U);
  c.lose();
  const auto lost = c.take<Responded>();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].request_id, change);
  EXPECT_EQ(lost[0].code, ErrorCode::kOutcomeUnknown);
  c.open();
  ASSERT_EQ(c.heard.requests.size(), 3U);
  EXPECT_EQ(c.heard.requests[2].request_id, read);
  Response response;
  response.request_id = read;
  c.say(response);
  EXPECT_EQ(c.take<Responded>().at(0).request_id, read);
}

// Goal: nothing was done, and the hub that comes after this one will do it.
TEST(Requests, WhatAStoppingHubDoesNotDoIsAskedOfTheNextOne) {
  Conversation c;
  c.open();
  const auto repeated = c.engine().request("register", {0x80}, Repeat::kYes);
  const auto once = c.engine().request("dead_drop", {0x80}, Repeat::kNo);
  c.turn();
  // What stands behind it in the same body part is an answer like any other.
  c.say(Response{repeated, ErrorCode::kHubStopping, "the hub is stopping", {}},
        Response{once, ErrorCode::kHubStopping, "the hub is stopping", {}});
  const auto answered = c.take<Responded>();
  ASSERT_EQ(answered.size(), 1U);
  EXPECT_EQ(answered[0].request_id, once);
  EXPECT_EQ(answered[0].code, ErrorCode::kHubStopping);
  EXPECT_EQ(c.take<MustReconnect>().at(0).error.code, ErrorCode::kHubStopping);
  c.open();
  EXPECT_EQ(c.heard.requests.back().request_id, repeated);
}

TEST(Requests, OneThatNoHubTakesIsAnsweredHere) {
  Conversation c;
  c.open();
  const ByteBuffer most(kControlFrameBytesMax - kFrameOverheadMax - 8);
  const ByteBuffer more(most.size() + 1);
  const auto refused = c.engine().request("register", more, Repeat::kYes);
  (void)c.engine().request("register", most, Repeat::kYes);
  c.turn();
  const auto answers = c.take<Responded>();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].request_id, refused);
  EXPECT_EQ(answers[0].code, ErrorCode::kTooLarge);
  ASSERT_EQ(c.heard.requests.size(), 1U);
  EXPECT_EQ(c.heard.requests[0].params.size(), most.size());
  EXPECT_LE(c.heard.largest_body, kControlFrameBytesMax);
}

// ---- Presence

Welcome welcome_from(std::uint8_t boot) {
  Welcome welcome = test::welcome();
  welcome.boot.bytes.fill(boot);
  return welcome;
}

Presence one_there(std::uint64_t version, bool snapshot, bool more = false) {
  return {snapshot, version, more, {{agent_named('B'), "bob", PresenceState::kOnline, 7}}};
}

TEST(PresenceWatch, SubscribesWhenTheConnectionIsOpenAndHandsOutWhatComes) {
  Conversation c;
  c.engine().watch_presence(true);
  c.greet();
  EXPECT_TRUE(c.heard.subscribes.empty());
  c.say(welcome_from(1));
  ASSERT_EQ(c.heard.subscribes.size(), 1U);
  EXPECT_EQ(c.heard.subscribes[0].topic, kPresenceTopic);
  EXPECT_EQ(c.heard.subscribes[0].version, 0U);
  c.say(Response{c.heard.subscribes[0].request_id, ErrorCode::kOk, {}, {0x80}});
  c.say(one_there(5, true, true));
  c.say(one_there(6, false));
  const auto heard = c.take<PresenceHeard>();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_TRUE(heard[0].snapshot);
  EXPECT_FALSE(heard[0].complete);
  EXPECT_EQ(heard[0].agents.at(0).name, "bob");
  EXPECT_FALSE(heard[1].snapshot);
  EXPECT_TRUE(heard[1].complete);
  EXPECT_EQ(c.heard.subscribes.size(), 1U);
}

TEST(PresenceWatch, GoesOnWhereItWasAfterAReconnect) {
  Conversation c;
  c.engine().watch_presence(true);
  c.greet();
  c.say(welcome_from(1));
  c.say(one_there(5, true));
  c.lose();
  c.greet();
  c.say(welcome_from(2));
  ASSERT_EQ(c.heard.subscribes.size(), 2U);
  EXPECT_EQ(c.heard.subscribes[1].version, 5U);
  EXPECT_EQ(c.heard.subscribes[1].boot, welcome_from(1).boot)
      << "the hub sees whether it is the one that told it";
  c.say(one_there(2, true));
  c.lose();
  c.greet();
  c.say(welcome_from(2));
  EXPECT_EQ(c.heard.subscribes.at(2).version, 2U);
  EXPECT_EQ(c.heard.subscribes.at(2).boot, welcome_from(2).boot);
}

TEST(PresenceWatch, EndsWhenNobodyWantsItAndWhatIsUnderWayIsDropped) {
  Conversation c;
  c.engine().watch_presence(true);
  c.greet();
  c.say(welcome_from(1));
  c.engine().watch_presence(false);
  c.turn();
  ASSERT_EQ(c.heard.unsubscribes.size(), 1U);
  c.say(one_there(5, true));
  EXPECT_TRUE(c.take<PresenceHeard>().empty());
  c.lose();
  c.greet();
  c.say(welcome_from(1));
  EXPECT_EQ(c.heard.subscribes.size(), 1U);
}

}  // namespace
}  // namespace capstan
