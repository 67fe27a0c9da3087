// Numbers that come again: what is known of them, and for how long. PROTOCOL.md §6.
#include <algorithm>

#include "capstan/codec/limits.h"
#include "poster.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::Poster;
using core_test::posting_from;

// ---- A repetition is known ----

TEST(Admit, ANumberThatIsSentAgainIsAcceptedWithTheSameIdAndStoredOnce) {
  Poster poster;
  poster.send(1);
  poster.send(2);
  const auto first = poster.accepted();
  poster.send(1);
  poster.send(2);
  EXPECT_EQ(poster.accepted(), first);
  EXPECT_EQ(poster.world.pending("bob"), 2U);
  EXPECT_EQ(poster.world.counter("deduplicated"), 2U);
}

TEST(Admit, ARepetitionIsAcceptedNoEarlierThanTheOriginal) {
  Poster poster;
  poster.world.send(poster.alice, 1, "bob", "one");
  poster.world.send(poster.alice, 1, "bob", "one");
  EXPECT_TRUE(poster.alice.silent());
  poster.world.commit();
  EXPECT_EQ(poster.alice.take<Accept>().size(), 2U);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

TEST(Admit, ANewSessionOfTheSameEpochGoesOnAndKnowsRepetitions) {
  Poster poster;
  poster.send(1);
  poster.send(2);
  const auto first = poster.accepted();
  poster.world.close(poster.alice);
  Peer& again = poster.world.connect("alice");
  poster.world.attach(again, "alice", posting_from(1));
  for (std::uint64_t n = 1; n <= 3; ++n) poster.world.send(again, n, "bob", "x");
  poster.world.commit();
  std::vector<EnvelopeId> ids;
  for (const Accept& accept : again.take<Accept>()) ids.push_back(accept.first_id);
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_TRUE(std::find(ids.begin(), ids.end(), first.at(1)) != ids.end());
  EXPECT_TRUE(std::find(ids.begin(), ids.end(), first.at(2)) != ids.end());
  EXPECT_EQ(poster.world.pending("bob"), 3U);
}

// A client that never heard of its accept sends all that is unaccepted again, the open one first.
TEST(Admit, WhatIsStoredAboveAnOpenNumberIsKnownAfterAReconnect) {
  Poster poster(1);
  poster.send(1);
  poster.send(2);           // Refused: it stays open.
  poster.send(3, "carol");  // Stored, and its accept is lost with the connection.
  const EnvelopeId third = poster.accepted().at(3);
  poster.empty_bobs_inbox();
  poster.world.close(poster.alice);
  Peer& again = poster.world.connect("alice");
  poster.world.attach(again, "alice", posting_from(2));
  poster.world.send(again, 2, "bob", "two");
  poster.world.send(again, 3, "carol", "three");
  poster.world.commit();
  EXPECT_TRUE(again.take_errors().empty());
  EXPECT_EQ(poster.world.pending("carol"), 1U) << "stored exactly once";
  bool same_id = false;
  for (const Accept& accept : again.take<Accept>()) same_id |= accept.first_id == third;
  EXPECT_TRUE(same_id);
}

// The same, but the client heard of 3: it has only 2 and 4 left, and must not be asked for 3.
TEST(Admit, AClientThatHasOnlyTheOpenNumberLeftNeedNotSendWhatWasAccepted) {
  Poster poster(1);
  poster.send(1);
  poster.send(2);
  poster.send(3, "carol");
  poster.empty_bobs_inbox();
  poster.world.close(poster.alice);
  Peer& again = poster.world.connect("alice");
  poster.world.attach(again, "alice", posting_from(2));
  poster.world.send(again, 2, "bob", "two");
  poster.world.send(again, 4, "alice", "four");
  poster.world.commit();
  EXPECT_TRUE(again.take_errors().empty());
  EXPECT_EQ(poster.world.pending("alice"), 1U);
}

TEST(Admit, RepetitionsAreKnownAfterARestart) {
  Poster poster;
  poster.send(1);
  poster.send(2);
  const auto first = poster.accepted();
  poster.world.restart();
  Peer& again = poster.world.connect("alice");
  poster.world.attach(again, "alice", posting_from(1));
  poster.world.send(again, 2, "bob", "x");
  poster.world.commit();
  EXPECT_EQ(again.take_one<Accept>().first_id, first.at(2));
  EXPECT_EQ(poster.world.pending("bob"), 2U);
}

TEST(Admit, NumbersOfAnotherEpochAreOthers) {
  Poster poster;
  poster.send(1);
  poster.world.attach(poster.alice, "alice", posting_from(1, 8));
  poster.send(1);
  EXPECT_EQ(poster.world.pending("bob"), 2U);
}

// ---- The producers of one agent ----

TEST(Admit, AnEpochThatTheHubDoesNotKnowBeginsAtOneOrIsForgotten) {
  Poster poster;
  const Response refused = poster.world.attach(poster.alice, "alice", posting_from(5, 99));
  EXPECT_EQ(refused.code, ErrorCode::kEpochForgotten);
  EXPECT_EQ(poster.world.attach(poster.alice, "alice", posting_from(1, 99)).code, ErrorCode::kOk);
}

TEST(Admit, TheLongestUnusedOf257EpochsIsForgotten) {
  Poster poster;
  const auto use = [&](std::uint64_t epoch) {
    poster.world.attach(poster.alice, "alice", posting_from(1, epoch));
    poster.world.send(poster.alice, 1, "bob", "x");
    poster.world.commit();
  };
  for (std::uint64_t epoch = 1; epoch <= kProducersPerAgentMax; ++epoch) use(epoch);
  // Epoch 1 is used once more, so that 2 is the longest unused.
  poster.world.attach(poster.alice, "alice", posting_from(2, 1));
  poster.world.send(poster.alice, 2, "bob", "x");
  poster.world.commit();
  use(1000);
  const auto knows = [&](std::uint64_t epoch) {
    return poster.world.attach(poster.alice, "alice", posting_from(2, epoch)).code ==
           ErrorCode::kOk;
  };
  EXPECT_TRUE(knows(1));
  EXPECT_FALSE(knows(2));
  EXPECT_TRUE(knows(3));
  EXPECT_TRUE(knows(1000));
}

}  // namespace
}  // namespace capstan
