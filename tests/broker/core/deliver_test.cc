// Waiting mail goes to receivers that have credit.
#include "waiting_mail.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::Notified;
using core_test::numbers;
using core_test::Peer;
using core_test::post;
using core_test::posting;
using core_test::quiet_config;
using core_test::receiving;
using core_test::Texts;
using core_test::World;

TEST(Deliver, MailForAnAbsentAgentWaitsAndComesInOrder) {
  World world;
  post(world, 20);
  EXPECT_EQ(world.pending("bob"), 20U);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  const auto notified = bob.take<Notified>();
  ASSERT_EQ(notified.size(), 20U);
  for (std::size_t i = 0; i < notified.size(); ++i) {
    EXPECT_EQ(notified[i].text(), std::to_string(i + 1));
    EXPECT_EQ(notified[i].delivery, i + 1);
    EXPECT_EQ(notified[i].position, Position{i + 1});
    EXPECT_EQ(notified[i].attempt, 1U);
    EXPECT_EQ(notified[i].session, 1U);
  }
}

TEST(Deliver, TheAnswerToTheAttachComesBeforeTheFirstDelivery) {
  World world;
  post(world, 2);
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(8));
  Peer& bob = world.connect("bob");
  world.send(alice, 1, "bob", "on its way");  // The answer has to wait for this commit.
  world.say(bob, Attach{1, 1, "bob", AttachMode::kReceive, {}, 100, 1 << 20, 0, 1});
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 200});
  EXPECT_TRUE(bob.silent()) << "not even what is durable";
  world.commit();
  EXPECT_EQ(bob.take_kinds(), (Texts{"response", "notify", "notify", "notify"}));
}

TEST(Deliver, StopsAtTheLastDeliveryNumberThatCreditAllows) {
  World world;
  post(world, 10);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 4;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 4));
  world.say(bob, Receipt{1, ReceiptKind::kAckUpTo, 4, {}, 7});
  EXPECT_EQ(bob.take_texts(), numbers(5, 7));
}

TEST(Deliver, StopsWhenTheBytesOfCreditAreUnacknowledged) {
  World world;
  post(world, 10);
  const std::uint64_t bytes = world.mailbox("bob").pending_bytes / 10;
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_bytes = 3 * bytes;
  world.attach(bob, "bob", binding);
  const std::size_t sent = bob.take_texts().size();
  EXPECT_GE(sent, 3U);
  EXPECT_LE(sent, 4U) << "at most one envelope more than the bytes";
  world.pass_ms(10);
  EXPECT_TRUE(bob.silent());
  world.ack_up_to(bob, 1);
  EXPECT_EQ(bob.take_texts().size(), 1U);
}

TEST(Deliver, OneEnvelopeIsAlwaysSentHoweverFewBytesCreditHas) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_bytes = 0;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 1));
  world.ack_up_to(bob, 1);
  EXPECT_EQ(bob.take_texts(), numbers(2, 2));
}

TEST(Deliver, ASlowReceiverKeepsNobodyElseWaiting) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 0;
  world.attach(bob, "bob", binding);
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  world.send(alice, 1, "bob", "for bob");
  world.send(alice, 2, "carol", "for carol");
  world.commit();
  EXPECT_TRUE(bob.silent());
  EXPECT_EQ(carol.take_texts(), Texts{"for carol"});
}

TEST(Deliver, OneThatNeverAcknowledgesKeepsNobodyElseWaitingAndLosesNothing) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 4;
  world.attach(bob, "bob", binding);
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  for (std::uint64_t number = 1; number <= 6; ++number) {
    world.send(alice, number, "bob", std::to_string(number));
  }
  world.send(alice, 7, "carol", "for carol");
  world.commit();
  EXPECT_EQ(bob.take_texts(), numbers(1, 4));
  EXPECT_EQ(carol.take_texts(), Texts{"for carol"});
  world.close(bob);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  EXPECT_EQ(again.take_texts(), numbers(1, 6));
}

TEST(Deliver, ALostSessionsMailComesAgainMarkedAsAttemptTwo) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 2;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 2));
  world.ack_up_to(bob, 1);
  world.close(bob);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  const auto notified = again.take<Notified>();
  ASSERT_EQ(notified.size(), 2U);
  EXPECT_EQ(notified[0].text(), "2");
  EXPECT_EQ(notified[0].attempt, 2U);
  EXPECT_EQ(notified[0].delivery, 1U) << "delivery numbers are the session's own";
  EXPECT_EQ(notified[1].text(), "3");
  EXPECT_EQ(notified[1].attempt, 1U) << "never sent before";
  EXPECT_EQ(world.counter("redelivered"), 1U);
}

// ---- since ----

TEST(Deliver, SinceAnIdSendsTheUnacknowledgedAfterIt) {
  World world;
  post(world, 5);
  Peer& first = world.connect("bob");
  world.attach(first, "bob", receiving());
  const auto notified = first.take<Notified>();
  ASSERT_EQ(notified.size(), 5U);
  world.ack(first, notified[3].envelope.envelope_id);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since = {Since::Kind::kAfter, notified[1].envelope.envelope_id};
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), (Texts{"3", "5"}));
}

TEST(Deliver, SinceNilSendsOnlyWhatComesAndTheRestStaysPending) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since.kind = Since::Kind::kNothing;
  world.attach(bob, "bob", binding);
  EXPECT_TRUE(bob.silent());
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting(8));
  world.send(alice, 1, "bob", "new");
  world.commit();
  EXPECT_EQ(bob.take_texts(), Texts{"new"});
  EXPECT_EQ(world.pending("bob"), 4U);
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  EXPECT_EQ(again.take_texts(), (Texts{"1", "2", "3", "new"}));
}

TEST(Deliver, SinceTheEmptyTextSendsAllThatIsUnacknowledged) {
  World world;
  post(world, 3);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.since.kind = Since::Kind::kAll;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), numbers(1, 3));
}

// ---- Turns ----

TEST(Deliver, MuchMailLeavesInSeveralTurnsAndBodies) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  const std::string large(600'000, 'x');
  constexpr std::uint64_t kCount =
      30;  // 18 MB: more than one turn, more than one connection holds.
  for (std::uint64_t n = 1; n <= kCount; ++n) {
    world.send(alice, n, "bob", large);
    world.commit();
  }
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  std::uint64_t received = 0;
  for (int turn = 0; turn < 100 && received < kCount; ++turn) {
    world.settle_all();
    const auto notified = bob.take<Notified>();
    received += notified.size();
    EXPECT_LE(notified.size() * large.size(), 18U << 20);
    if (!notified.empty()) world.ack_up_to(bob, notified.back().delivery);
    world.pass_ms(1);
  }
  EXPECT_EQ(received, kCount);
}

// Goal: the octets that a connection may have unacknowledged are shared; who waits for them goes on
// when another session has acknowledged.
TEST(Deliver, AFullConnectionGoesOnWithEverySessionOfIt) {
  World world(quiet_config(), {"carol"});
  world.tell(
      KeysChanged{{core_test::key_of("carol"), core_test::key_of("node", {"alice", "bob"})}});
  world.commit();
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", posting());
  Peer& node = world.connect("node", {"alice", "bob"});
  Binding first = receiving(1);
  Binding second = receiving(2);
  world.attach(node, "alice", first);
  world.attach(node, "bob", second);
  const std::string large(900 * 1024, 'x');
  std::uint64_t number = 0;
  for (int i = 0; i < 20; ++i) {
    world.send(carol, ++number, "alice", large);
    world.settle_all();
  }
  world.send(carol, ++number, "bob", "small");
  world.settle_all();
  const auto came = node.take<Notified>();
  ASSERT_LT(came.size(), 20U) << "16 MiB are out";
  for (const auto& notified : came) EXPECT_EQ(notified.session, 1U);
  world.ack_up_to(node, came.size(), 1);
  world.settle_all();
  bool heard = false;
  for (const auto& notified : node.take<Notified>()) {
    heard = heard || notified.session == 2;
  }
  EXPECT_TRUE(heard);
}

}  // namespace
}  // namespace capstan
