// Receipts settle deliveries; settlements ride in the next commit.
#include <numeric>
#include <set>

#include "capstan/base/random.h"
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Errors = std::vector<ErrorCode>;
using Texts = std::vector<std::string>;

/// alice has posted `count` envelopes, and bob has been sent them.
struct Delivered {
  explicit Delivered(std::uint64_t count) {
    world.attach(alice, "alice", posting());
    world.attach(bob, "bob", receiving());
    for (std::uint64_t n = 1; n <= count; ++n) {
      world.send(alice, n, "bob", "n" + std::to_string(n));
    }
    world.commit();
    for (const Notified& notified : bob.take<Notified>()) {
      ids.push_back(notified.envelope.envelope_id);
    }
    EXPECT_EQ(ids.size(), count);
    (void)alice.take<Accept>();
  }
  /// What a receiver that comes back is sent.
  Texts redelivered() {
    world.close(bob);
    Peer& again = world.connect("bob");
    world.attach(again, "bob", receiving());
    world.settle_all();
    return again.take_texts();
  }
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  std::vector<EnvelopeId> ids;
};

TEST(Acknowledge, AReceiptForAnUnknownSessionIsRefused) {
  Delivered delivered(1);
  delivered.world.ack(delivered.bob, delivered.ids[0], 9);
  const ErrorFrame error = delivered.bob.take_one<ErrorFrame>();
  EXPECT_EQ(error.code, ErrorCode::kUnknownSession);
  EXPECT_EQ(error.about, FrameType::kReceipt);
  EXPECT_EQ(error.session, 9U);
}

TEST(Acknowledge, APostingSessionHasNothingToAcknowledge) {
  Delivered delivered(1);
  delivered.world.ack(delivered.alice, delivered.ids[0]);
  EXPECT_EQ(delivered.alice.take_errors(), Errors{ErrorCode::kWrongState});
}

TEST(Acknowledge, AnIdThatWasNeverDeliveredSettlesNothing) {
  Delivered delivered(2);
  EnvelopeId nobody;
  nobody.bytes.fill(0x44);
  delivered.world.ack(delivered.bob, nobody);
  EXPECT_TRUE(delivered.bob.silent());
  EXPECT_EQ(delivered.redelivered(), (Texts{"n1", "n2"}));
}

TEST(Acknowledge, ADeliveryNumberBeyondTheLastSettlesWhatWasSentAndNothingThatComes) {
  Delivered delivered(2);
  delivered.world.ack_up_to(delivered.bob, UINT64_MAX);
  delivered.world.send(delivered.alice, 3, "bob", "n3");
  delivered.world.commit();
  EXPECT_EQ(delivered.bob.take_texts(), Texts{"n3"});
  EXPECT_EQ(delivered.redelivered(), Texts{"n3"});
}

TEST(Acknowledge, OneByIdSettlesThatOneAlone) {
  Delivered delivered(3);
  delivered.world.ack(delivered.bob, delivered.ids[1]);
  EXPECT_EQ(delivered.redelivered(), (Texts{"n1", "n3"}));
}

// Beyond the oldest few, ids are found by an index that follows what is sent and settled.
TEST(Acknowledge, ByIdInAnyOrderSettlesExactlyThose) {
  Delivered delivered(300);
  Random random(5);
  std::vector<std::size_t> order(delivered.ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[static_cast<std::size_t>(random.below(i + 1))]);
  }
  std::set<std::size_t> open(order.begin(), order.end());
  for (std::size_t i = 0; i < 200; ++i) {
    delivered.world.ack(delivered.bob, delivered.ids[order[i]]);
    open.erase(order[i]);
  }
  delivered.world.ack_up_to(delivered.bob, 40);
  open.erase(open.begin(), open.lower_bound(40));
  delivered.world.send(delivered.alice, 301, "bob", "n301");
  delivered.world.send(delivered.alice, 302, "bob", "n302");
  delivered.world.commit();
  const std::vector<Notified> fresh = delivered.bob.take<Notified>();
  ASSERT_EQ(fresh.size(), 2U);
  delivered.world.ack(delivered.bob, fresh[1].envelope.envelope_id);
  Texts expected;
  for (const std::size_t index : open) expected.push_back("n" + std::to_string(index + 1));
  expected.push_back("n301");
  EXPECT_EQ(delivered.redelivered(), expected);
}

TEST(Acknowledge, UpToADeliveryNumberSettlesAllBelow) {
  Delivered delivered(5);
  delivered.world.ack(delivered.bob, delivered.ids[1]);
  delivered.world.ack_up_to(delivered.bob, 3);
  EXPECT_EQ(delivered.redelivered(), (Texts{"n4", "n5"}));
}

TEST(Acknowledge, TwiceIsOnce) {
  Delivered delivered(3);
  // The second stays in the window: the first is not acknowledged.
  delivered.world.ack(delivered.bob, delivered.ids[1]);
  delivered.world.ack(delivered.bob, delivered.ids[1]);
  delivered.world.ack_up_to(delivered.bob, 2);
  delivered.world.ack(delivered.bob, delivered.ids[0]);
  delivered.world.ack_up_to(delivered.bob, 1);
  delivered.world.pass_ms(60);
  delivered.world.commit();
  EXPECT_EQ(delivered.world.pending("bob"), 1U);
  EXPECT_EQ(delivered.world.counter("acknowledged"), 2U);
}

TEST(Acknowledge, ASettlementRidesInTheNextCommit) {
  Delivered delivered(2);
  delivered.world.ack_up_to(delivered.bob, 2);
  EXPECT_TRUE(delivered.world.commits.empty()) << "alone it is not worth a sync yet";
  EXPECT_EQ(delivered.world.count_records(RecordType::kSettled), 0U);
  delivered.world.send(delivered.alice, 3, "bob", "n3");
  EXPECT_EQ(delivered.world.count_records(RecordType::kSettled), 1U);
  EXPECT_EQ(delivered.world.commits.size(), 1U);
}

TEST(Acknowledge, WithoutACommitItWaitsFiftyMilliseconds) {
  Delivered delivered(2);
  delivered.world.ack_up_to(delivered.bob, 1);
  EXPECT_LE(delivered.world.wake_at_ns, delivered.world.now.monotonic_ns + 50 * kNsPerMs);
  delivered.world.pass_ms(30);
  delivered.world.ack_up_to(delivered.bob, 2);
  delivered.world.pass_ms(19);
  EXPECT_TRUE(delivered.world.commits.empty());
  delivered.world.pass_ms(1);
  EXPECT_EQ(delivered.world.commits.size(), 1U);
  EXPECT_EQ(delivered.world.count_records(RecordType::kSettled), 1U) << "both in one record";
  delivered.world.commit();
  EXPECT_EQ(delivered.world.pending("bob"), 0U);
  EXPECT_EQ(delivered.world.mailbox("bob").pending_bytes, 0U);
}

TEST(Acknowledge, ManyStretchesDoNotWaitForTheirTime) {
  Delivered delivered(2'048);
  for (std::size_t i = 0; i < 2 * 1'023; i += 2) {
    delivered.world.ack(delivered.bob, delivered.ids[i]);
  }
  EXPECT_TRUE(delivered.world.commits.empty());
  delivered.world.ack(delivered.bob, delivered.ids[2 * 1'023]);
  EXPECT_EQ(delivered.world.commits.size(), 1U);
  delivered.world.commit();
  EXPECT_EQ(delivered.world.pending("bob"), 1'024U);
}

TEST(Acknowledge, WhatIsAcknowledgedAndNotYetSavedIsNotSentAgain) {
  Delivered delivered(3);
  delivered.world.ack_up_to(delivered.bob, 2);
  EXPECT_EQ(delivered.world.count_records(RecordType::kSettled), 0U);
  EXPECT_EQ(delivered.redelivered(), Texts{"n3"});
}

TEST(Acknowledge, WhatIsSavedIsNotSentAgainAfterARestart) {
  Delivered delivered(3);
  delivered.world.ack(delivered.bob, delivered.ids[0]);
  delivered.world.ack(delivered.bob, delivered.ids[2]);
  delivered.world.pass_ms(60);
  delivered.world.commit();
  delivered.world.restart();
  Peer& bob = delivered.world.connect("bob");
  delivered.world.attach(bob, "bob", receiving());
  delivered.world.settle_all();
  EXPECT_EQ(bob.take_texts(), Texts{"n2"});
}

// A pong says up to where a client may forget ids: never further than the disk knows.
TEST(Acknowledge, TheCursorOfAPongIsTheDurableOne) {
  Delivered delivered(3);
  const auto cursor = [&] {
    delivered.world.say(delivered.bob, Ping{1});
    const Pong pong = delivered.bob.take_one<Pong>();
    EXPECT_EQ(pong.cursors.size(), 1U);
    return pong.cursors.at(0).second;
  };
  EXPECT_EQ(cursor(), Position{0});
  delivered.world.ack_up_to(delivered.bob, 2);
  EXPECT_EQ(cursor(), Position{0}) << "not in a commit yet";
  delivered.world.pass_ms(60);
  EXPECT_EQ(cursor(), Position{0}) << "in a commit, not on disk yet";
  delivered.world.commit();
  EXPECT_EQ(cursor(), Position{2});
}

TEST(Acknowledge, AReceiptRenewsCreditAndNeverTakesItBack) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(alice, "alice", posting());
  core_test::Binding binding = receiving();
  binding.credit_until = 1;
  world.attach(bob, "bob", binding);
  for (std::uint64_t n = 1; n <= 5; ++n) world.send(alice, n, "bob", std::to_string(n));
  world.commit();
  EXPECT_EQ(bob.take_texts(), Texts{"1"});
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 3});
  EXPECT_EQ(bob.take_texts(), (Texts{"2", "3"}));
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 1});
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 4});
  EXPECT_EQ(bob.take_texts(), Texts{"4"});
  EXPECT_EQ(world.pending("bob"), 5U) << "credit settles nothing";
}

}  // namespace
}  // namespace capstan
