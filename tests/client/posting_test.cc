#include "posting.h"

#include <gtest/gtest.h>

#include "conversation.h"

namespace capstan {
namespace {

using test::agent_named;
using test::Conversation;
using test::envelope_to;
using test::id_of;
using test::Numbers;

TEST(Posting, NothingLeavesBeforeTheSessionIsAttached) {
  Conversation c;
  const SessionId s = c.session();
  c.post(s, "BB");
  c.open();
  EXPECT_TRUE(c.heard.sent.empty());
  c.admit();
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 2}));
}

TEST(Posting, FillsInTheSender) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "B");
  const auto view = parse_envelope(c.heard.sent.at(0).envelope);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->sender_id(), agent_named('A'));
  EXPECT_EQ(view->channel_id(), mailbox_of(agent_named('B')));
}

TEST(Posting, AcceptReportsIdsAndBytes) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBB");
  c.accept(s, 1, 3);
  const auto accepted = c.take<Accepted>();
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(accepted[0].first, 1U);
  EXPECT_EQ(accepted[0].count, 3U);
  EXPECT_EQ(accepted[0].first_id, id_of(1));
  EXPECT_EQ(accepted[0].bytes, 3 * envelope_to('B').size());
  c.accept(s, 1, 3);  // said twice: reported once
  EXPECT_TRUE(c.take<Accepted>().empty());
}

TEST(Posting, AReconnectSendsTheUnacceptedAgainInOrderWithTheSameNumbersAndEpoch) {
  Conversation c;
  const SessionId s = c.session();
  c.open();
  const std::uint64_t epoch = c.heard.attaches.at(0).epoch;
  EXPECT_NE(epoch, 0U);
  EXPECT_EQ(c.heard.attaches[0].first_number, 1U);
  c.admit();
  c.post(s, "BCDEF");
  c.accept(s, 1);
  c.accept(s, 4);
  c.heard.sent.clear();
  c.lose();
  c.post(s, "G");
  c.open();
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_EQ(c.heard.attaches[0].epoch, epoch);
  EXPECT_EQ(c.heard.attaches[0].first_number, 2U);
  c.admit();
  // Number 4 was accepted: a hub that lost it with the power must not wait for it.
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2, 3, -4, 5, 6}));
}

TEST(Posting, ARefusedNumberGoesAgainBeforeTheLaterOnesOfItsChannel) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBBC");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kInboxFull);
  c.refuse(s, 2, ErrorCode::kOutOfOrder);
  c.refuse(s, 3, ErrorCode::kOutOfOrder);
  c.accept(s, 4);
  EXPECT_EQ(c.heard.take_numbers(), Numbers{});
  c.pass_ms(20);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
  c.accept(s, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2, 3}));
  EXPECT_TRUE(c.take<Refused>().empty());
}

TEST(Posting, AFullDiskIsAskedAgainAndTheOrderIsKept) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBB");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kDiskFull);
  c.refuse(s, 2, ErrorCode::kDiskFull);
  c.refuse(s, 3, ErrorCode::kDiskFull);
  EXPECT_EQ(c.heard.take_numbers(), Numbers{}) << "not at once";
  c.pass_ms(20);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1})) << "the lowest asks for all";
  c.refuse(s, 1, ErrorCode::kDiskFull);
  c.pass_ms(40);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
  c.accept(s, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2, 3}));
  EXPECT_TRUE(c.take<Refused>().empty());
}

TEST(Posting, AnAbsentReceiverIsAskedAgainOrReportedAsTheApplicationWishes) {
  for (const bool waits : {true, false}) {
    Conversation c;
    SessionOptions options;
    options.wait_when_full = waits;
    const SessionId s = c.session(options);
    c.open_and_admit();
    c.post(s, "B");
    c.refuse(s, 1, ErrorCode::kNotDelivered);
    const auto refused = c.take<Refused>();
    ASSERT_EQ(refused.size(), waits ? 0U : 1U);
    if (!waits) {
      EXPECT_EQ(refused[0].error.code, ErrorCode::kNotDelivered);
      continue;
    }
    c.heard.sent.clear();
    c.pass_ms(20);
    EXPECT_EQ(c.heard.take_numbers(), Numbers{1});
  }
}

TEST(Posting, WhoDoesNotWaitIsToldOfAFullDiskAndGoesOn) {
  Conversation c;
  SessionOptions options;
  options.wait_when_full = false;
  const SessionId s = c.session(options);
  c.open_and_admit();
  c.post(s, "BB");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kDiskFull);
  c.refuse(s, 2, ErrorCode::kOutOfOrder);
  const auto refused = c.take<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].error.code, ErrorCode::kDiskFull);
  c.accept_skip(s, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1, 2}));
}

TEST(Posting, AFullInboxIsAskedEverMoreSeldom) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "B");
  std::size_t asked = 0;
  for (int ms = 0; ms < 60'000; ++ms) {
    if (!c.heard.take_numbers().empty()) {
      ++asked;
      c.refuse(s, 1, ErrorCode::kInboxFull);
    }
    if (ms % 500 == 0) c.say(Pong{});
    c.pass_ms(1);
  }
  EXPECT_GT(asked, 60U);  // full jitter below one second: about two per second
  EXPECT_LT(asked, 400U);
}

TEST(Posting, OutOfOrderWithoutProgressIsNotAskedInALoop) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "B");
  std::size_t asked = 0;
  for (int ms = 0; ms < 2'000; ++ms) {
    if (!c.heard.take_numbers().empty()) {
      ++asked;
      c.refuse(s, 1, ErrorCode::kOutOfOrder);
    }
    if (ms % 500 == 0) c.say(Pong{});
    c.pass_ms(1);
  }
  EXPECT_LT(asked, 60U);
}

TEST(Posting, SkipReportsThenSkipsThenSendsTheLaterOnesAgain) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBB");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kAccessDenied);
  EXPECT_EQ(c.take<Refused>().at(0).number, 1U);
  c.refuse(s, 2, ErrorCode::kOutOfOrder);
  c.refuse(s, 3, ErrorCode::kOutOfOrder);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1}));
  c.accept_skip(s, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2, 3}));
  c.accept(s, 2, 2);
  const auto accepted = c.take<Accepted>();
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(accepted[0].first, 2U);
  EXPECT_EQ(accepted[0].count, 2U);
}

TEST(Posting, AnUnansweredSkipIsSkippedAgainAfterAReconnect) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BB");
  c.refuse(s, 1, ErrorCode::kAccessDenied);
  c.heard.sent.clear();
  c.lose();
  c.open_and_admit();
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1, 2}));
  EXPECT_EQ(c.take<Refused>().size(), 1U);
}

TEST(Posting, StopReportsAndSendsNothingMore) {
  Conversation c;
  SessionOptions options;
  options.refusal = RefusalPolicy::kStop;
  options.wait_when_full = false;
  const SessionId s = c.session(options);
  c.open_and_admit();
  c.post(s, "BB");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kInboxFull);
  c.refuse(s, 2, ErrorCode::kOutOfOrder);
  c.post(s, "C");
  c.pass_ms(2'000);
  c.lose();
  c.open_and_admit();
  EXPECT_EQ(c.heard.take_numbers(), Numbers{});
  const auto refused = c.take<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].number, 1U);
}

TEST(Posting, WhatIsRefusedBehindAStopTakesNoRoomFromTheNumbersBeforeIt) {
  Conversation c;
  SessionOptions options;
  options.refusal = RefusalPolicy::kStop;
  const SessionId s = c.session(options);
  c.open_and_admit();
  c.post(s, "BCDD");
  c.accept(s, 1, 1, 0);
  c.refuse(s, 2, ErrorCode::kNotDelivered);
  c.refuse(s, 3, ErrorCode::kAccessDenied);
  c.refuse(s, 4, ErrorCode::kOutOfOrder);
  c.heard.sent.clear();
  c.pass_ms(20);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{2}));
}

TEST(Posting, WithoutWaitingAFullInboxIsARefusal) {
  Conversation c;
  SessionOptions options;
  options.wait_when_full = false;
  const SessionId s = c.session(options);
  c.open_and_admit();
  c.post(s, "B");
  c.heard.sent.clear();
  c.refuse(s, 1, ErrorCode::kInboxFull);
  EXPECT_EQ(c.take<Refused>().at(0).error.code, ErrorCode::kInboxFull);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{-1}));
}

TEST(Posting, TooLargeIsRefusedHereAndItsNumberSkipped) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "B");
  c.post(s, "B", kEnvelopeBytesMax);
  c.post(s, "B");
  EXPECT_EQ(c.take<Refused>().at(0).error.code, ErrorCode::kTooLarge);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, -2, 3}));
}

TEST(Posting, BodyPartsStayNearTheTarget) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit(10'000);
  c.post(s, std::string(2'000, 'B'), 256);
  EXPECT_EQ(c.heard.take_numbers().size(), 2'000U);
  EXPECT_LT(c.heard.largest_body, kBatchBytesTarget + 1'024);
}

TEST(Posting, AForgottenEpochLeavesWhatWasSentInDoubtAndGoesOn) {
  Conversation c;
  const SessionId s = c.session();
  c.open();
  const std::uint64_t epoch = c.heard.attaches.at(0).epoch;
  c.admit();
  c.post(s, "BB");
  c.lose();
  c.post(s, "C");
  c.heard.sent.clear();
  c.open();
  Response forgotten;
  forgotten.request_id = std::exchange(c.heard.attaches, {}).at(0).request_id;
  forgotten.code = ErrorCode::kEpochForgotten;
  c.say(forgotten);
  const auto refused = c.take<Refused>();
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_EQ(refused[1].error.code, ErrorCode::kOutcomeUnknown);
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_NE(c.heard.attaches[0].epoch, epoch);
  EXPECT_EQ(c.heard.attaches[0].first_number, 1U);  // As every epoch, or it would be refused, too.
  c.admit();
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
  c.accept(s, 1);
  const auto accepted = c.take<Accepted>();
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(accepted[0].first, 3U);
}

// Under its old number it would be stored a second time: the agent that had stored it is forgotten.
TEST(Posting, WhenAnotherAgentHasTheNameWhatIsUnacceptedHasAnUnknownOutcome) {
  Conversation c;
  const SessionId s = c.session();
  c.open();
  const std::uint64_t epoch = c.heard.attaches.at(0).epoch;
  c.admit();
  c.post(s, "B");
  c.lose();
  c.heard.sent.clear();
  c.open();
  c.say(test::attached(std::exchange(c.heard.attaches, {}).at(0).request_id, 'Z'));
  const auto refused = c.take<Refused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].error.code, ErrorCode::kOutcomeUnknown);
  EXPECT_TRUE(c.heard.sent.empty());
  ASSERT_EQ(c.heard.attaches.size(), 1U);
  EXPECT_NE(c.heard.attaches[0].epoch, epoch);
  c.say(test::attached(std::exchange(c.heard.attaches, {}).at(0).request_id, 'Z'));
  c.post(s, "C");
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
}

}  // namespace
}  // namespace capstan
