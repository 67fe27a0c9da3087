// Urgent mail overtakes normal mail, and that background mail; each keeps its own order.
// PROTOCOL.md §6.6.
#include "lanes.h"

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Texts = std::vector<std::string>;

class Sender {
 public:
  explicit Sender(World& world) : world_(world), peer_(world.connect("alice")) {
    world_.attach(peer_, "alice", posting());
  }
  void send(Priority priority, const std::string& text) {
    Envelope envelope = world_.envelope("bob", text);
    envelope.priority = priority;
    world_.send(peer_, ++number_, envelope);
  }

 private:
  World& world_;
  Peer& peer_;
  std::uint64_t number_ = 0;
};

void send_mixed(World& world) {
  Sender alice(world);
  alice.send(Priority::kBackground, "b1");
  alice.send(Priority::kNormal, "n1");
  alice.send(Priority::kUrgent, "u1");
  alice.send(Priority::kNormal, "n2");
  alice.send(Priority::kUrgent, "u2");
  world.commit();
  alice.send(Priority::kBackground, "b2");
  alice.send(Priority::kUrgent, "u3");
  world.commit();
}

const Texts kByPriority{"u1", "u2", "u3", "n1", "n2", "b1", "b2"};

TEST(Lanes, WaitingMailComesUrgentFirstAndInOrderWithinEachPriority) {
  World world;
  send_mixed(world);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_EQ(bob.take_texts(), kByPriority);
}

TEST(Lanes, TheOrderIsTheSameFromDiskAfterARestart) {
  HubConfig config = core_test::quiet_config();
  config.resident_blocks_bytes = 1;
  World world(config);
  send_mixed(world);
  world.restart();
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.settle_all();
  EXPECT_EQ(bob.take_texts(), kByPriority);
}

TEST(Lanes, UrgentMailOvertakesWhatCreditHeldBack) {
  World world;
  send_mixed(world);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 4;
  world.attach(bob, "bob", binding);
  EXPECT_EQ(bob.take_texts(), (Texts{"u1", "u2", "u3", "n1"}));
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 6});
  EXPECT_EQ(bob.take_texts(), (Texts{"n2", "b1"}));
}

TEST(Lanes, WhatWasSentBeforeIsMarkedInItsOwnPriorityOnly) {
  World world;
  Sender alice(world);
  alice.send(Priority::kNormal, "n1");
  world.commit();
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_EQ(bob.take_one<Notified>().attempt, 1U);
  alice.send(Priority::kUrgent, "u1");
  alice.send(Priority::kBackground, "b1");
  world.commit();
  for (const auto& notified : bob.take<Notified>()) EXPECT_EQ(notified.attempt, 1U);
}

TEST(Lanes, AnAcknowledgementUpToADeliveryCoversWhatWasSentAndNothingElse) {
  World world;
  send_mixed(world);
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 3;
  world.attach(bob, "bob", binding);
  world.ack_up_to(bob, 3);
  world.pass_ms(60);
  world.settle_all();
  EXPECT_EQ(world.pending("bob"), 4U);
  world.close(bob);
  world.restart();
  Peer& again = world.connect("bob");
  world.attach(again, "bob", receiving());
  world.settle_all();
  EXPECT_EQ(again.take_texts(), (Texts{"n1", "n2", "b1", "b2"}));
}

// Goal: the index of each priority is let go of when its mail is settled, whatever else waits.
TEST(Lanes, ABackgroundEnvelopeThatWaitsKeepsNoUrgentRuns) {
  World world;
  Sender alice(world);
  alice.send(Priority::kBackground, "b1");
  world.commit();
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 1;
  world.attach(bob, "bob", binding);
  for (int i = 0; i < 20; ++i) {
    alice.send(Priority::kUrgent, "u");
    world.commit();
  }
  EXPECT_EQ(bob.take_texts(), Texts{"b1"}) << "it came before the urgent ones";
  world.say(bob, Receipt{1, ReceiptKind::kCredit, 0, {}, 21});
  const std::vector<Notified> came = bob.take<Notified>();
  ASSERT_EQ(came.size(), 20U);
  EXPECT_EQ(world.mailbox("bob").lanes[2].size(), 20U);
  for (const Notified& urgent : came) {
    if (&urgent != &came.back()) world.ack(bob, urgent.envelope.envelope_id);
  }
  world.pass_ms(60);
  world.settle_all();
  EXPECT_EQ(world.mailbox("bob").lanes[0].size(), 1U);
  EXPECT_EQ(world.mailbox("bob").lanes[2].size(), 1U);
}

TEST(Lanes, ASettledStretchIsPassedOverInOneStep) {
  Mailbox mailbox;
  mailbox.settled.add(2, 1'000'000);
  mailbox.settled.add(1'000'003, 1'000'004);
  const MailRun near{Sequence{10}, Position{2}, 5, 0};
  EXPECT_EQ(behind_settled(mailbox, near), Position{1'000'001});
  const MailRun far{Sequence{90}, Position{1'000'003}, 2, 0};
  EXPECT_EQ(behind_settled(mailbox, far), Position{1'000'005});
}

}  // namespace
}  // namespace capstan
