// The send window, and what is held in memory behind a number that stays open.
#include <gtest/gtest.h>

#include "conversation.h"
#include "posting.h"

namespace capstan {
namespace {

using test::agent_named;
using test::Conversation;
using test::envelope_to;
using test::id_of;
using test::Numbers;

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

}  // namespace
}  // namespace capstan
