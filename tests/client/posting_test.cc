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

TEST(Posting, NeverExceedsTheWindowOfEnvelopes) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit(3);
  c.post(s, "BBBBBBBB");
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 2, 3}));
  c.accept(s, 1, 2, 3);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{4, 5}));
  c.accept(s, 3, 1, 1);  // a smaller window: 4 and 5 are still unaccepted
  EXPECT_EQ(c.heard.take_numbers(), Numbers{});
  c.accept(s, 4, 2, 2);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{6, 7}));
}

TEST(Posting, NeverExceedsTheWindowOfBytes) {
  Conversation c;
  const SessionId s = c.session();
  const std::uint64_t size = envelope_to('B', 1000).size();
  c.open();
  Welcome narrow = test::welcome();
  c.lose();
  c.engine().connected({1'000 * kNsPerSecond, 0});
  narrow.window.bytes = 2 * size + size / 2;
  c.heard.attaches.clear();
  c.say(narrow);
  c.admit();
  c.post(s, "BBBBB", 1000);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 2}));
  c.say(Accept{s, 1, 1, id_of(1), narrow.window});
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{3}));
}

TEST(Posting, ARefusedNumberTakesNoRoomInTheWindowSoOtherChannelsGoOn) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BC");
  c.refuse(s, 1, ErrorCode::kNotDelivered);
  c.accept(s, 2, 1, 0);
  c.heard.sent.clear();
  c.post(s, "CCC");
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{3})) << "with nothing unanswered one may always go";
  c.accept(s, 3, 1, 0);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{4}));
  c.accept(s, 4, 1, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{5}));
}

TEST(Posting, SoManyNumbersAreOpenAtOnceAsWelcomeGranted) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit(3);
  c.post(s, "BCCCC");
  c.refuse(s, 1, ErrorCode::kInboxFull);
  c.accept(s, 2, 2, 1000);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 2, 3}));
  c.pass_ms(20);
  c.accept(s, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 4, 5}));
}

TEST(Posting, RetriesStayWithinTheWindow) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBBBBBBB");
  c.refuse(s, 1, ErrorCode::kNotDelivered);
  for (std::uint64_t number = 2; number <= 8; ++number) c.refuse(s, number, ErrorCode::kOutOfOrder);
  c.heard.sent.clear();
  c.pass_ms(20);
  c.accept(s, 1);
  c.accept(s, 2, 2, 3);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1, 2, 3, 4, 5, 6})) << "the third round is of four";
  c.accept(s, 4, 3, 0);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{7}));
}

TEST(Posting, ARetryThatFindsTheWindowFullWaitsForAnAnswerAndNotForTime) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BC");
  c.refuse(s, 1, ErrorCode::kInboxFull);
  c.post(s, "DE");
  c.accept(s, 2, 1, 1);
  c.heard.sent.clear();
  c.pass_ms(20);
  EXPECT_EQ(c.heard.take_numbers(), Numbers{}) << "3 and 4 are unanswered";
  EXPECT_GT(*c.engine().wake_at(), 1'000 * kNsPerSecond + 20 * kNsPerMs);
  c.accept(s, 3, 2, 1);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
}

TEST(Posting, ANewNumberWaitsForTheRoundOfItsChannelThatIsUnderWay) {
  Conversation c;
  const SessionId s = c.session();
  c.open_and_admit();
  c.post(s, "BBB");
  c.refuse(s, 1, ErrorCode::kInboxFull);
  c.refuse(s, 2, ErrorCode::kOutOfOrder);
  c.refuse(s, 3, ErrorCode::kOutOfOrder);
  c.heard.sent.clear();
  c.pass_ms(20);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{1}));
  c.post(s, "BC");
  EXPECT_EQ(c.heard.take_numbers(), Numbers{}) << "4 could only be out of order";
  c.refuse(s, 1, ErrorCode::kInboxFull);
  EXPECT_EQ(c.heard.take_numbers(), (Numbers{4, 5})) << "no channel waits for a full inbox";
}

/// One envelope of each letter, 1,000 octets each.
PostBatch batch_of(std::string_view letters) {
  PostBatch batch;
  for (const char letter : letters) {
    append(batch.bytes, envelope_to(letter, 1'000));
    batch.ends.push_back(static_cast<std::uint32_t>(batch.bytes.size()));
  }
  return batch;
}

// Goal: what the outbox gives back is freed, whatever stays open below it.
// Method: number 1 finds a full inbox, and so does one of fifty after it; the others are accepted.
TEST(Posting, HoldsLittleMoreThanWhatIsUnsettledBehindANumberThatStaysOpen) {
  constexpr std::uint64_t kCount = 10'000;
  Random random(1);
  Posting posting(1, {}, random);
  posting.begin(agent_named('A'), {100'000, 1'000'000'000}, kEnvelopeBytesMax);
  BodyRow row;
  ClientEvents events;
  std::uint64_t unsettled = 0;
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    posting.enqueue(batch_of(number % 50 == 1 ? "B" : "C"));
    posting.write({}, row, events);
    if (number % 50 != 1) {
      posting.accepted({}, {1, number, 1, id_of(number), {100'000, 1'000'000'000}}, events);
      continue;
    }
    posting.refused({}, number, {ErrorCode::kInboxFull, {}}, events);
    unsettled += envelope_to('B', 1'000).size();
  }
  EXPECT_GE(posting.held_bytes(), unsettled);
  EXPECT_LT(posting.held_bytes(), 2 * unsettled + 256 * 1024);
  std::uint64_t kept = 0;
  posting.begin(agent_named('A'), {100'000, 1'000'000'000}, kEnvelopeBytesMax);
  test::Heard heard;
  std::vector<ByteBuffer> bodies;
  row.clear();
  posting.write({}, row, events);
  row.take(bodies);
  for (const ByteBuffer& body : bodies) ASSERT_TRUE(heard.read(body));
  for (const test::Sent& sent : heard.sent) {
    if (sent.envelope.empty()) continue;  // accepted
    EXPECT_EQ(parse_envelope(sent.envelope)->channel_id(), mailbox_of(agent_named('B')));
    EXPECT_EQ(sent.number % 50, 1U);
    ++kept;
  }
  EXPECT_EQ(kept, kCount / 50);
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
