// Deliveries that fail come again after a while, alone when they fail often, and die in the end.
// PROTOCOL.md §6.13.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Binding;
using core_test::Notified;
using core_test::Peer;
using core_test::receiving;
using core_test::World;
using Texts = std::vector<std::string>;

HubConfig config(std::uint32_t max_deliver = 16, std::uint32_t ack_wait_ms = 0) {
  HubConfig config = core_test::quiet_config();
  config.lease_ms = 1'000'000'000;
  config.max_deliver = max_deliver;
  config.ack_wait_ms = ack_wait_ms;
  return config;
}

/// alice posts "1" … "count" to bob, who receives in the epoch given.
struct Mail {
  explicit Mail(int count, const HubConfig& hub = config()) : world(hub) {
    Binding binding = receiving();
    binding.epoch = 7;
    world.attach(alice, "alice", binding);
    for (int i = 1; i <= count; ++i) {
      world.send(alice, static_cast<std::uint64_t>(i), "bob", std::to_string(i));
    }
    world.commit();
  }
  Peer& bob(std::uint64_t epoch, std::uint64_t credit = 100) {
    Peer& peer = world.connect("bob");
    Binding binding = receiving();
    binding.epoch = epoch;
    binding.credit_until = credit;
    world.attach(peer, "bob", binding);
    world.settle_all();
    return peer;
  }
  void nack(Peer& peer, std::uint64_t delivery, std::uint32_t delay_ms = 0,
            std::string_view reason = "busy") {
    world.say(peer, Receipt{1, ReceiptKind::kNack, delivery, {}, 0, delay_ms, reason});
    world.settle_all();
  }
  void pass_s(std::uint64_t seconds) {
    world.pass_ms(seconds * 1000);
    world.settle_all();
  }
  World world;
  Peer& alice = world.connect("alice");
};

TEST(Retry, ANackedDeliveryComesAgainAfterItsDelayWithTheNextAttempt) {
  Mail mail(3);
  Peer& bob = mail.bob(1);
  ASSERT_EQ(bob.take<Notified>().size(), 3U);
  mail.nack(bob, 2, 5000);
  mail.pass_s(4);
  EXPECT_TRUE(bob.take<Notified>().empty());
  mail.pass_s(2);
  const Notified again = bob.take_one<Notified>();
  EXPECT_EQ(again.text(), "2");
  EXPECT_EQ(again.attempt, 2U);
  EXPECT_EQ(again.delivery, 4U) << "a delivery of its own";
  EXPECT_EQ(mail.world.counter("nacked"), 1U);
}

TEST(Retry, WithoutADelayTheHubBacksOff) {
  Mail mail(1);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1);
  mail.world.pass_ms(400);
  EXPECT_TRUE(bob.take<Notified>().empty()) << "the first wait is half a second at least";
  mail.pass_s(1);
  EXPECT_EQ(bob.take<Notified>().size(), 1U);
}

TEST(Retry, OtherMailGoesOnMeanwhile) {
  Mail mail(1);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 60'000);
  mail.world.send(mail.alice, 2, "bob", "2");
  mail.world.commit();
  EXPECT_EQ(bob.take_texts(), Texts{"2"});
}

TEST(Retry, TheDelayOutlivesTheSessionAndTheHub) {
  Mail mail(2);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 60'000);
  mail.world.restart();
  Peer& again = mail.bob(2);
  EXPECT_EQ(again.take_texts(), Texts{"2"});
  mail.pass_s(61);
  const Notified retried = again.take_one<Notified>();
  EXPECT_EQ(retried.text(), "1");
  EXPECT_EQ(retried.attempt, 2U);
}

TEST(Retry, FromTheThirdAttemptADeliveryGoesAlone) {
  Mail mail(3);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 1);
  mail.pass_s(1);
  EXPECT_EQ(bob.take_texts(), Texts{"1"});
  mail.nack(bob, 4, 1);
  mail.pass_s(1);
  EXPECT_TRUE(bob.take<Notified>().empty()) << "2 and 3 are with the receiver";
  mail.world.ack_up_to(bob, 3);
  EXPECT_EQ(bob.take_one<Notified>().attempt, 3U);
  mail.world.send(mail.alice, 4, "bob", "4");
  mail.world.commit();
  EXPECT_TRUE(bob.take<Notified>().empty()) << "nothing goes beside it";
  mail.world.ack_up_to(bob, 5);
  EXPECT_EQ(bob.take_texts(), Texts{"4"});
}

TEST(Retry, AfterTheLastAttemptItIsADeadLetterAndTheSenderIsTold) {
  Mail mail(2, config(2));
  const EnvelopeId id = mail.alice.take<Accept>().front().first_id;
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 1, "no tool for it");
  mail.pass_s(1);
  EXPECT_EQ(bob.take<Notified>().size(), 1U);
  mail.nack(bob, 3, 1, "still no tool");
  mail.pass_s(1);
  EXPECT_TRUE(bob.take<Notified>().empty());
  EXPECT_EQ(mail.world.pending("bob"), 1U) << "the other one";
  const auto* dead = mail.world.state().find_dead(mail.world.id("bob"));
  ASSERT_NE(dead, nullptr);
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ(dead->front().id, id);
  EXPECT_EQ(dead->front().attempts, 2U);
  EXPECT_EQ(dead->front().reason, "still no tool");
  const Notified notice = mail.alice.take_one<Notified>();
  EXPECT_EQ(notice.envelope.event_type, "capstan.delivery.dead");
  const auto data = decode_params(notice.envelope.event_data);
  EXPECT_EQ(*data->texts("envelope_ids"), Texts{id.hex()});
  EXPECT_EQ(data->text("reason"), "still no tool");
}

TEST(Retry, DeadLettersOutliveTheHubAndAreLetGoOfAfterSevenDays) {
  HubConfig hub = config(1);
  hub.lease_ms = 10'000;
  Mail mail(1, hub);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 1);
  mail.pass_s(1);
  mail.world.restart();
  EXPECT_NE(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
  mail.pass_s(6 * 24 * 3600);
  EXPECT_NE(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
  mail.pass_s(2 * 24 * 3600);
  mail.pass_s(1);
  EXPECT_EQ(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
}

TEST(Retry, AJumpOfTheWallClockMakesNoDeadLetterTooOldForAMinute) {
  HubConfig hub = config(1);
  hub.lease_ms = 10'000;
  Mail mail(1, hub);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 1);
  mail.pass_s(1);
  mail.world.now.wall_ns += 8 * 24 * 3600 * kNsPerSecond;
  mail.pass_s(0);
  for (int step = 0; step < 5; ++step) mail.pass_s(11);
  EXPECT_NE(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
  EXPECT_FALSE(mail.world.audited("dead_letters_too_old"));
  mail.pass_s(11);
  EXPECT_EQ(mail.world.state().find_dead(mail.world.id("bob")), nullptr) << "the clock stays there";
  EXPECT_TRUE(mail.world.audited("dead_letters_too_old"));
}

TEST(Retry, AReceiverThatDiesCountsForTheOldestThatItHeld) {
  Mail mail(3);
  Peer& bob = mail.bob(1);
  mail.world.ack_up_to(bob, 1);
  mail.world.close(bob);
  Peer& again = mail.bob(2);
  const auto came = again.take<Notified>();
  ASSERT_EQ(came.size(), 2U);
  EXPECT_EQ(came[0].text(), "2");
  EXPECT_EQ(came[1].text(), "3") << "in the old order";
  EXPECT_EQ(mail.world.mailbox("bob").retries.size(), 1U);
  EXPECT_EQ(mail.world.mailbox("bob").retries.begin()->second.attempts, 1U);
}

// Goal: a process that dies and is back before anybody has noticed counts like one that was missed.
TEST(Retry, AReceiverThatIsReplacedByAnotherLifeCountsToo) {
  Mail mail(2, config(2));
  for (std::uint64_t life = 1; life <= 2; ++life) {
    EXPECT_EQ(mail.bob(life).take_texts().front(), "1");
  }
  EXPECT_EQ(mail.bob(3).take_texts(), Texts{"2"}) << "the other one is a dead letter";
  EXPECT_NE(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
}

TEST(Retry, ALinkThatBreaksUnderTheSameClientLifeCountsForNothing) {
  Mail mail(2);
  for (int i = 0; i < 20; ++i) {
    Peer& bob = mail.bob(1);
    EXPECT_EQ(bob.take<Notified>().size(), 2U);
    mail.world.close(bob);
  }
  EXPECT_TRUE(mail.world.mailbox("bob").retries.empty());
}

// Goal: an envelope that kills its receiver again and again takes nothing else with it, and ends.
TEST(Retry, WhatKillsItsReceiverGoesAloneAndThenToTheDeadLetters) {
  Mail mail(3, config(4));
  Texts first_alone;
  for (std::uint64_t life = 1; life <= 6; ++life) {
    Peer& bob = mail.bob(life);
    const Texts texts = bob.take_texts();
    if (texts == Texts{"1"}) first_alone.push_back(std::to_string(life));
    if (texts == Texts{"2", "3"}) break;
    ASSERT_FALSE(texts.empty());
    EXPECT_EQ(texts.front(), "1");
    mail.world.close(bob);
  }
  EXPECT_EQ(first_alone, (Texts{"3", "4"})) << "the third and the fourth attempt";
  EXPECT_NE(mail.world.state().find_dead(mail.world.id("bob")), nullptr);
  EXPECT_EQ(mail.world.pending("bob"), 2U);
}

// Goal: an inbox that holds as many failed deliveries as it may goes on after a reconnect.
TEST(Retry, AnInboxFullOfFailedDeliveriesIsNotStuck) {
  HubConfig hub = config();
  hub.window_envelopes = 100'000;
  hub.window_bytes = 1 << 30;
  Mail mail(0, hub);
  constexpr std::uint64_t kMany = 16'500;
  for (std::uint64_t n = 1; n <= kMany; ++n) mail.world.send(mail.alice, n, "bob", "x");
  mail.world.settle_all();
  Peer& bob = mail.bob(1, 1'000'000);
  ASSERT_EQ(bob.take<Notified>().size(), kMany);
  for (std::uint64_t n = 1; n <= kMany; ++n) {
    mail.world.say(bob, Receipt{1, ReceiptKind::kNack, n, {}, 0, 60'000, "down"});
  }
  mail.world.settle_all();
  EXPECT_EQ(mail.world.mailbox("bob").retries.size(), kMany);
  mail.world.close(bob);
  Peer& again = mail.bob(1, 1'000'000);
  EXPECT_TRUE(again.take<Notified>().empty());
  mail.pass_s(61);
  mail.world.settle_all();
  EXPECT_EQ(again.take<Notified>().size(), kMany);
}

TEST(Retry, AFailedDeliveryThatIsTooOldExpires) {
  Mail mail(0);
  Envelope envelope = mail.world.envelope("bob", "late");
  envelope.ttl_seconds = 5;
  mail.world.send(mail.alice, 1, envelope);
  mail.world.commit();
  Peer& bob = mail.bob(1);
  ASSERT_EQ(bob.take<Notified>().size(), 1U);
  mail.nack(bob, 1, 10'000);
  mail.pass_s(11);
  EXPECT_TRUE(bob.take<Notified>().empty());
  EXPECT_EQ(mail.world.pending("bob"), 0U);
}

// Goal: an hour that nobody lived through takes no failed delivery away, either.
TEST(Retry, AJumpOfTheWallClockLetsNoFailedDeliveryExpire) {
  Mail mail(0);
  Envelope envelope = mail.world.envelope("bob", "in time");
  envelope.ttl_seconds = 600;
  mail.world.send(mail.alice, 1, envelope);
  mail.world.commit();
  Peer& bob = mail.bob(1);
  ASSERT_EQ(bob.take<Notified>().size(), 1U);
  mail.nack(bob, 1, 10'000);
  mail.world.now.wall_ns += 3600 * kNsPerSecond;
  mail.pass_s(11);
  EXPECT_EQ(bob.take_texts(), Texts{"in time"});
}

TEST(Retry, AWordOfGoodbyeCountsForNothing) {
  Mail mail(1);
  for (std::uint64_t life = 1; life <= 3; ++life) {
    Peer& bob = mail.bob(life);
    EXPECT_EQ(bob.take<Notified>().size(), 1U);
    mail.world.say(bob, Bye{});
  }
  EXPECT_TRUE(mail.world.mailbox("bob").retries.empty());
}

TEST(Retry, WithAckWaitASilentReceiverLosesTheDelivery) {
  Mail mail(1, config(16, 2000));
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.pass_s(1);
  mail.world.say(bob, Receipt{1, ReceiptKind::kWorking, 1, {}, 0});
  mail.pass_s(1);
  EXPECT_TRUE(mail.world.mailbox("bob").retries.empty()) << "it said that it works on it";
  mail.pass_s(1);
  mail.pass_s(1);
  EXPECT_EQ(mail.world.mailbox("bob").retries.size(), 1U);
  mail.pass_s(2);
  EXPECT_EQ(bob.take_one<Notified>().attempt, 2U);
}

TEST(Retry, WithAckWaitAReceiverOfOneAtATimeGoesOnWithTheNext) {
  Mail mail(2, config(16, 2000));
  Peer& bob = mail.world.connect("bob");
  Binding one_at_a_time = receiving();
  one_at_a_time.credit_bytes = 0;
  mail.world.attach(bob, "bob", one_at_a_time);
  mail.world.settle_all();
  EXPECT_EQ(bob.take_texts(), Texts{"1"});
  mail.pass_s(1);
  EXPECT_TRUE(bob.silent());
  mail.pass_s(2);
  EXPECT_EQ(bob.take_texts(), Texts{"2"}) << "1 is taken back, without a word from the receiver";
}

TEST(Retry, AReceiptForADeliveryThatIsOverSaysNothing) {
  Mail mail(1);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.world.ack_up_to(bob, 1);
  mail.nack(bob, 1);
  mail.nack(bob, 99);
  mail.world.say(bob, Receipt{1, ReceiptKind::kWorking, 99, {}, 0});
  EXPECT_TRUE(mail.world.mailbox("bob").retries.empty());
  EXPECT_TRUE(bob.take_errors().empty());
  EXPECT_EQ(mail.world.counter("nacked"), 0U);
}

TEST(Retry, AnAcknowledgedRetryIsForgotten) {
  Mail mail(1);
  Peer& bob = mail.bob(1);
  (void)bob.take<Notified>();
  mail.nack(bob, 1, 1);
  mail.pass_s(1);
  mail.world.ack_up_to(bob, 2);
  mail.world.pass_ms(60);
  mail.world.settle_all();
  EXPECT_TRUE(mail.world.mailbox("bob").retries.empty());
  EXPECT_EQ(mail.world.pending("bob"), 0U);
  EXPECT_TRUE(
      mail.world.recovered().mailboxes().at(mailbox_of(mail.world.id("bob"))).retries.empty());
}

}  // namespace
}  // namespace capstan
