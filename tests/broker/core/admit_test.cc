// Whose turn is it, and is there room? PROTOCOL.md §6.
#include "capstan/codec/limits.h"
#include "poster.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::Poster;
using core_test::posting;
using core_test::posting_from;
using core_test::World;
using Errors = std::vector<ErrorCode>;

// ---- Refused ----

TEST(Admit, ANumberThatIsNotTheNextIsOutOfOrder) {
  Poster poster;
  poster.send(2);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kOutOfOrder});
  poster.send(0);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kInvalidArgument});
  poster.send(1);
  poster.send(2);
  EXPECT_EQ(poster.accepted().size(), 2U);
}

TEST(Admit, NoNumberIsAboveTheHighest) {
  Poster poster;
  poster.world.skip(poster.alice, 1);
  poster.world.commit();
  for (const std::uint64_t first : {kSendNumberMax + 1, UINT64_MAX - 1, UINT64_MAX}) {
    const Response refused = poster.world.attach(poster.alice, "alice", posting_from(first));
    EXPECT_EQ(refused.code, ErrorCode::kInvalidArgument) << first;
  }
  EXPECT_EQ(poster.world.attach(poster.alice, "alice", posting_from(kSendNumberMax)).code,
            ErrorCode::kOk);
  poster.world.skip(poster.alice, kSendNumberMax);
  poster.world.skip(poster.alice, kSendNumberMax + 1);
  poster.world.skip(poster.alice, UINT64_MAX);
  poster.world.commit();
  EXPECT_EQ(poster.alice.take_errors(), Errors(2, ErrorCode::kInvalidArgument));
  EXPECT_TRUE(poster.accepted().contains(kSendNumberMax));
}

TEST(Admit, ASessionWithoutAnEpochMayNotPost) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(0));
  world.send(alice, 1, "bob", "one");
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kInvalidArgument});
}

TEST(Admit, MoreUnacceptedEnvelopesThanTheWindowAreRefused) {
  HubConfig config = core_test::quiet_config();
  config.window_envelopes = 3;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  for (std::uint64_t n = 1; n <= 5; ++n) world.send(alice, n, "bob", "x");
  world.commit();
  EXPECT_EQ(alice.take_errors(), (Errors{ErrorCode::kWindowExceeded, ErrorCode::kOutOfOrder}));
  std::uint64_t accepted = 0;
  for (const Accept& accept : alice.take<Accept>()) accepted += accept.count;
  EXPECT_EQ(accepted, 3U);
  world.send(alice, 4, "bob", "x");
  world.send(alice, 5, "bob", "x");
  world.commit();
  EXPECT_TRUE(alice.take_errors().empty()) << "accept renews the window";
}

TEST(Admit, MoreUnacceptedBytesThanTheWindowAreRefused) {
  HubConfig config = core_test::quiet_config();
  config.window_bytes = 1000;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", std::string(600, 'x'));
  world.send(alice, 2, "bob", std::string(600, 'x'));
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kWindowExceeded});
}

TEST(Admit, AnEmptyWindowTakesOneEnvelopeOfAnySize) {
  HubConfig config = core_test::quiet_config();
  config.window_bytes = 1000;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", std::string(100'000, 'x'));
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().count, 1U);
}

// Goal: a window for each attach is no way around all of them while the disk stands still.
TEST(Admit, WhatWaitsForTheDiskIsBoundedHoweverOftenASenderAttachesAnew) {
  HubConfig config = core_test::quiet_config();
  config.window_bytes = 100'000;
  config.commit_budget_bytes = 100'000;
  World world(config);
  Peer& alice = world.connect("alice");
  std::size_t refused = 0;
  for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) {
    world.say(alice, Attach{epoch, 1, "alice", AttachMode::kPost, {}, 0, 0, epoch, 1});
    world.send(alice, 1, "bob", std::string(90'000, 'x'));
  }
  EXPECT_LE(world.mailbox("bob").pending_bytes, 4 * config.commit_budget_bytes + 91'000);
  world.commit();
  for (const ErrorCode code : alice.take_errors()) {
    EXPECT_EQ(code, ErrorCode::kWindowExceeded);
    ++refused;
  }
  EXPECT_EQ(world.pending("bob") + refused, 20U);
  EXPECT_GE(world.pending("bob"), 4U) << "honest senders may use several budgets";
  world.send(alice, 1, "bob", "now");
  world.commit();
  EXPECT_TRUE(alice.take_errors().empty()) << "the disk goes on";
}

// Goal: what takes no room in the window fills no memory either while the disk stands still.
TEST(Admit, SkipsAndRepeatedKeysWaitForTheDiskToo) {
  HubConfig config = core_test::quiet_config();
  config.window_bytes = 10'000;
  config.commit_budget_bytes = 10'000;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Envelope keyed = world.envelope("bob", "once");
  keyed.idempotency_key = "key";
  world.send(alice, 1, keyed);
  world.commit();
  (void)alice.take<Accept>();
  constexpr std::uint64_t kFrames = 4000;
  std::uint64_t number = 2;
  for (; number < kFrames; ++number) world.skip(alice, number);
  const Sequence before = world.state().applied();
  for (; number < 2 * kFrames; ++number) world.send(alice, number, keyed);
  EXPECT_EQ(world.state().applied(), before) << "no more is added";
  EXPECT_LT(before.value, kFrames / 2);
  world.commit();
  for (const ErrorCode code : alice.take_errors()) {
    EXPECT_TRUE(code == ErrorCode::kWindowExceeded || code == ErrorCode::kOutOfOrder);
  }
  const std::size_t accepted = alice.take<Accept>().size();
  EXPECT_GT(accepted, 100U);
  world.skip(alice, number);
  world.commit();
  EXPECT_EQ(alice.take<Accept>().size(), 1U) << "the disk goes on";
}

TEST(Admit, AFullInboxRefusesByCountUntilMailIsSettled) {
  Poster poster(2);
  for (std::uint64_t n = 1; n <= 3; ++n) poster.send(n);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kInboxFull});
  poster.send(4, "carol");
  EXPECT_TRUE(poster.alice.take_errors().empty()) << "others' inboxes have room";
  poster.empty_bobs_inbox();
  poster.send(3);
  EXPECT_TRUE(poster.alice.take_errors().empty());
  EXPECT_EQ(poster.accepted().size(), 4U);
}

TEST(Admit, AFullInboxRefusesByBytes) {
  HubConfig config = core_test::quiet_config();
  config.inbox_bytes_max = 1000;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", std::string(600, 'x'));
  world.commit();
  world.send(alice, 2, "bob", std::string(600, 'x'));
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kInboxFull});
}

TEST(Admit, AFullIndexRefusesMailToLongInboxesUntilMailIsSettled) {
  HubConfig config = core_test::quiet_config();
  config.index_bytes_max = 1000;
  Poster poster(config);
  std::uint64_t number = 0;
  // A commit each, and so a run each.
  while (poster.world.state().index_bytes() < config.index_bytes_max ||
         !poster.world.mailbox("bob").lanes[1].is_long()) {
    poster.send(++number);
    ASSERT_TRUE(poster.alice.take_errors().empty());
    ASSERT_LT(number, 1000U);
  }
  poster.send(++number);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kInboxFull});
  EXPECT_EQ(poster.world.pending("bob"), number - 1);
  poster.send(number + 1, "carol");
  EXPECT_TRUE(poster.alice.take_errors().empty()) << "little waits for her";
  poster.empty_bobs_inbox();
  EXPECT_EQ(poster.world.pending("bob"), 0U);
  poster.send(number);
  EXPECT_TRUE(poster.alice.take_errors().empty());
}

TEST(Admit, AFullDiskRefusesSendsAndNothingElseUntilThereIsRoom) {
  Poster poster;
  poster.send(1);
  poster.world.tell(DiskSpace{DiskState::kFull, 1'000});
  poster.send(2);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kDiskFull});
  poster.send(1);
  EXPECT_TRUE(poster.alice.take_errors().empty()) << "a repetition needs no room";
  poster.send(3);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kOutOfOrder}) << "2 is open";
  poster.empty_bobs_inbox();
  EXPECT_EQ(poster.world.pending("bob"), 0U);
  poster.world.skip(poster.alice, 3);
  poster.world.commit();
  EXPECT_TRUE(poster.alice.take_errors().empty());
  poster.world.tell(DiskSpace{DiskState::kLow, 1'000'000});
  poster.send(2);
  EXPECT_TRUE(poster.alice.take_errors().empty());
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

// ---- A refused number stays open ----

TEST(Admit, ARefusedNumberBlocksLaterOnesToItsChannelUntilItIsSentAgain) {
  Poster poster(1);
  poster.send(1);
  poster.send(2);           // inbox_full
  poster.send(3);           // blocked by 2
  poster.send(4, "carol");  // another channel goes on
  EXPECT_EQ(poster.alice.take_errors(), (Errors{ErrorCode::kInboxFull, ErrorCode::kOutOfOrder}));
  poster.empty_bobs_inbox();
  poster.send(3);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kOutOfOrder}) << "2 is still open";
  poster.send(2);
  poster.empty_bobs_inbox();
  poster.send(3);
  EXPECT_TRUE(poster.alice.take_errors().empty());
  EXPECT_EQ(poster.accepted().size(), 4U);
}

TEST(Admit, ASkippedNumberBlocksNobodyAndIsAcceptedWithoutAnId) {
  Poster poster(1);
  poster.send(1);
  poster.send(2);
  poster.empty_bobs_inbox();
  poster.world.skip(poster.alice, 2);
  poster.world.commit();
  poster.send(3);
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kInboxFull});
  const auto accepted = poster.accepted();
  EXPECT_EQ(accepted.size(), 3U);
  EXPECT_TRUE(accepted.at(2).is_zero());
  EXPECT_EQ(poster.world.count_records(RecordType::kSkipped), 1U);
  EXPECT_EQ(poster.world.pending("bob"), 1U);
}

TEST(Admit, ASkippedNumberIsNeverStoredAfterwards) {
  Poster poster;
  poster.world.skip(poster.alice, 1);
  poster.world.commit();
  poster.send(1);
  EXPECT_EQ(poster.world.pending("bob"), 0U);
  const auto accepts = poster.alice.take<Accept>();
  ASSERT_EQ(accepts.size(), 2U);
  EXPECT_TRUE(accepts[1].first_id.is_zero());
}

TEST(Admit, OnlyAWindowOfNumbersIsKeptOpen) {
  HubConfig config = core_test::quiet_config();
  config.window_envelopes = 4;
  World world(config);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const ByteBuffer broken(80, 0x9e);
  for (std::uint64_t n = 1; n <= 10; ++n) world.say(alice, SendView{1, n, broken});
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors(10, ErrorCode::kMalformedFrame));
  world.send(alice, 6, "bob", "x");
  world.commit();
  EXPECT_EQ(alice.take_errors(), Errors{ErrorCode::kOutOfOrder}) << "5 was never presented";
  world.send(alice, 5, "bob", "x");
  world.commit();
  EXPECT_EQ(alice.take_one<Accept>().first_number, 5U);
}

// Goal: only what had its turn stays open: no more than a window of them, and no settled ones.
TEST(Admit, ARefusedNumberBelowTheExpectedOneDoesNotBecomeOpen) {
  Poster poster;
  poster.send(1);
  poster.send(2);
  const ByteBuffer broken(80, 0x9e);
  poster.world.say(poster.alice, SendView{1, 1, broken});
  poster.world.skip(poster.alice, 3);
  poster.world.commit();
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kMalformedFrame})
      << "what is settled holds back nothing";
  poster.world.attach(poster.alice, "alice", posting_from(std::uint64_t{1} << 40));
  poster.world.say(poster.alice, SendView{1, 1000, broken});
  poster.world.skip(poster.alice, std::uint64_t{1} << 40);
  poster.world.commit();
  EXPECT_EQ(poster.alice.take_errors(), Errors{ErrorCode::kMalformedFrame})
      << "nor does what the session passed over";
}

TEST(Admit, AnOpenNumberThatIsRefusedAgainStaysOpenUnderItsNewChannel) {
  Poster poster(1);
  poster.send(1);
  poster.send(2);  // inbox_full
  const ByteBuffer broken(80, 0x9e);
  poster.world.say(poster.alice, SendView{1, 2, broken});
  poster.world.commit();
  (void)poster.alice.take_errors();
  poster.empty_bobs_inbox();
  poster.send(3);
  EXPECT_TRUE(poster.alice.take_errors().empty()) << "nobody knows what channel 2 is for";
  poster.world.skip(poster.alice, 4);
  poster.world.commit();
  EXPECT_TRUE(poster.alice.take_errors().empty()) << "a skip has no order to keep";
  poster.empty_bobs_inbox();
  poster.send(2);
  poster.world.commit();
  EXPECT_TRUE(poster.alice.take_errors().empty());
  EXPECT_EQ(poster.world.pending("bob"), 1U) << "it was open";
}

}  // namespace
}  // namespace capstan
