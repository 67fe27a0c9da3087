// Mail that is too old is not delivered, and its sender is told. PROTOCOL.md §6.12.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Texts = std::vector<std::string>;

/// alice posts; whatever time passes, her lease does not end.
struct Expiry : ::testing::Test {
  static HubConfig config() {
    HubConfig config = core_test::quiet_config();
    config.lease_ms = 1'000'000'000;
    return config;
  }
  Expiry() : world(config()), alice(world.connect("alice")) {
    Binding binding = receiving();
    binding.epoch = 7;
    world.attach(alice, "alice", binding);
  }
  using Binding = core_test::Binding;

  void send(const std::string& text, std::optional<std::uint32_t> ttl_seconds,
            Priority priority = Priority::kNormal) {
    Envelope envelope = world.envelope("bob", text);
    envelope.ttl_seconds = ttl_seconds;
    envelope.priority = priority;
    world.send(alice, ++number, envelope);
    world.commit();
  }
  void pass_s(std::uint64_t seconds) {
    world.pass_ms(seconds * 1000);
    world.settle_all();
  }
  Texts mail_of_bob() {
    Peer& bob = world.connect("bob");
    world.attach(bob, "bob", receiving());
    world.settle_all();
    return bob.take_texts();
  }
  /// Ids that alice's notices of this type name.
  Texts told(const std::string& event) {
    Texts ids;
    for (const Notified& notice : alice.take<Notified>()) {
      EXPECT_EQ(notice.envelope.event_type, event);
      EXPECT_TRUE(notice.envelope.sender_id.is_zero()) << "notices come from the hub";
      const auto data = decode_params(notice.envelope.event_data);
      EXPECT_TRUE(data.ok());
      for (const std::string& id : *data->texts("envelope_ids")) ids.push_back(id);
    }
    return ids;
  }
  Texts accepted() {
    Texts ids;
    for (const Accept& accept : alice.take<Accept>()) {
      for (std::uint64_t i = 0; i < accept.count; ++i) ids.push_back(accept.first_id.plus(i).hex());
    }
    return ids;
  }

  World world;
  Peer& alice;
  std::uint64_t number = 0;
};

TEST_F(Expiry, MailWithinItsTimeIsDelivered) {
  send("in time", 10);
  pass_s(9);
  EXPECT_EQ(mail_of_bob(), Texts{"in time"});
}

TEST_F(Expiry, MailBeyondItsTimeIsSettledAndItsSenderIsToldOnce) {
  send("late", 10);
  send("patient", std::nullopt);
  const Texts ids = accepted();
  pass_s(12);
  EXPECT_EQ(world.pending("bob"), 1U);
  EXPECT_EQ(told("capstan.delivery.expired"), Texts{ids.front()});
  EXPECT_EQ(world.counter("expired"), 1U);
  EXPECT_EQ(mail_of_bob(), Texts{"patient"});
}

TEST_F(Expiry, OneNoticeNamesAllThatExpiredInABlock) {
  Envelope envelope = world.envelope("bob", "late");
  envelope.ttl_seconds = 1;
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  world.say(alice, SendView{1, 1, bytes}, SendView{1, 2, bytes}, SendView{1, 3, bytes});
  world.commit();
  const Texts ids = accepted();
  pass_s(3);
  const auto notices = alice.take<Notified>();
  ASSERT_EQ(notices.size(), 1U);
  const auto data = decode_params(notices.front().envelope.event_data);
  EXPECT_EQ(*data->texts("envelope_ids"), ids);
  EXPECT_EQ(data->text("reason"), "ttl_seconds");
}

TEST_F(Expiry, ATimeOfZeroSecondsExpiresAtOnce) {
  send("never", 0);
  pass_s(1);
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_EQ(mail_of_bob(), Texts{});
}

TEST_F(Expiry, MailThatIsNotInMemoryIsReadFirst) {
  World small([] {
    HubConfig hub = config();
    hub.resident_blocks_bytes = 1;
    return hub;
  }());
  Peer& poster = small.connect("alice");
  small.attach(poster, "alice", posting());
  for (std::uint64_t n = 1; n <= 3; ++n) {
    Envelope envelope = small.envelope("bob", "late");
    envelope.ttl_seconds = 5;
    small.send(poster, n, envelope);
    small.commit();
  }
  for (int i = 0; i < 10; ++i) {
    small.pass_ms(2000);
    small.settle_all();
  }
  EXPECT_EQ(small.pending("bob"), 0U);
  EXPECT_EQ(small.pending("alice"), 3U) << "a notice for each block";
}

// What is lost is settled, but its run stays in the index while older mail waits.
TEST_F(Expiry, ADamagedBlockIsReadOnceAndIsOneGap) {
  World small([] {
    HubConfig hub = config();
    hub.resident_blocks_bytes = 1;
    return hub;
  }());
  Peer& poster = small.connect("alice");
  small.attach(poster, "alice", posting());
  for (std::uint64_t n = 1; n <= 3; ++n) {
    Envelope envelope = small.envelope("bob", "one of three");
    if (n == 2) envelope.ttl_seconds = 5;
    small.send(poster, n, envelope);
    small.commit();
  }
  small.pass_ms(10'000);
  ASSERT_EQ(small.reads.size(), 1U);
  small.fail_read(ErrorCode::kDamaged);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(small.reads.empty());
    small.commit();
    small.pass_ms(2000);
  }
  EXPECT_EQ(small.count_records(RecordType::kGap), 1U);
  EXPECT_EQ(small.pending("bob"), 3U) << "two envelopes, and the notice of the loss";
}

TEST_F(Expiry, MailExpiresAfterARestart) {
  send("late", 10);
  send("later", 1000);
  world.restart();
  pass_s(12);
  EXPECT_EQ(world.pending("bob"), 1U);
  EXPECT_EQ(mail_of_bob(), Texts{"later"});
}

TEST_F(Expiry, TheStateOfARestartIsThatOfTheLiveHub) {
  send("late", 10);
  send("later", 1000);
  pass_s(12);
  world.settle_all();
  EXPECT_EQ(world.recovered().mailboxes().at(mailbox_of(world.id("bob"))).pending(), 1U);
}

// Goal: what a receiver holds is its own; only when it gives it back it may expire.
TEST_F(Expiry, WhatIsInFlightDoesNotExpire) {
  send("held", 10);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_EQ(bob.take_texts(), Texts{"held"});
  pass_s(30);
  EXPECT_EQ(world.pending("bob"), 1U);
  world.close(bob);
  pass_s(10);
  EXPECT_EQ(world.pending("bob"), 0U);
}

TEST_F(Expiry, OfManyBlocksOnlyWhatIsInFlightStays) {
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 2;
  world.attach(bob, "bob", binding);
  for (int i = 0; i < 5; ++i) send("in a block of its own", 10);
  EXPECT_EQ(bob.take_texts().size(), 2U);
  pass_s(30);
  EXPECT_EQ(world.pending("bob"), 2U);
  EXPECT_EQ(world.counter("expired"), 3U);
}

TEST_F(Expiry, AReceiverWithoutCreditDoesNotKeepMailAlive) {
  Peer& bob = world.connect("bob");
  Binding binding = receiving();
  binding.credit_until = 0;
  world.attach(bob, "bob", binding);
  send("late", 1);
  pass_s(3);
  EXPECT_EQ(world.pending("bob"), 0U);
  EXPECT_TRUE(bob.silent());
}

TEST_F(Expiry, EveryPriorityExpires) {
  send("u", 1, Priority::kUrgent);
  send("b", 1, Priority::kBackground);
  send("stays", 100, Priority::kBackground);
  pass_s(3);
  EXPECT_EQ(mail_of_bob(), Texts{"stays"});
}

TEST_F(Expiry, AJumpOfTheWallClockStopsItForAMinute) {
  send("late", 10);
  world.now.wall_ns += 3600 * kNsPerSecond;
  pass_s(1);
  EXPECT_EQ(world.pending("bob"), 1U) << "an hour that nobody lived through";
  EXPECT_TRUE(world.audited("wall_clock_step"));
  pass_s(61);
  EXPECT_EQ(world.pending("bob"), 0U);
}

TEST_F(Expiry, NobodyIsToldOfANoticeThatExpires) {
  world.close(alice);
  Peer& again = world.connect("alice");
  world.attach(again, "alice", posting());
  Envelope envelope = world.envelope("bob", "late");
  envelope.ttl_seconds = 1;
  world.send(again, 1, envelope);
  world.commit();
  pass_s(3);
  EXPECT_EQ(world.pending("alice"), 1U);
  pass_s(8 * 24 * 3600);
  EXPECT_EQ(world.pending("alice"), 0U) << "nobody read it for a week";
}

// Goal: a block that cannot be read is lost once, however long its run stays in the index.
TEST_F(Expiry, ADamagedBlockIsAGapOnceAndNotForEver) {
  World small([] {
    HubConfig hub = config();
    hub.resident_blocks_bytes = 1;
    return hub;
  }());
  Peer& poster = small.connect("alice");
  small.attach(poster, "alice", posting());
  small.send(poster, 1, "bob", "stays");
  small.commit();
  Envelope envelope = small.envelope("bob", "late");
  envelope.ttl_seconds = 5;
  small.send(poster, 2, envelope);
  small.commit();
  small.send(poster, 3, "carol", "takes the cache");
  small.commit();
  small.pass_ms(7000);
  ASSERT_EQ(small.reads.size(), 1U);
  small.fail_read(ErrorCode::kDamaged);
  for (int i = 0; i < 5; ++i) {
    small.pass_ms(1000);
    small.settle_all();
  }
  EXPECT_EQ(small.count_records(RecordType::kGap), 1U);
  EXPECT_EQ(small.pending("bob"), 2U) << "one envelope, and the notice of the loss";
}

TEST_F(Expiry, AFullInboxGetsNoNotice) {
  HubConfig hub = config();
  hub.inbox_envelopes_max = 1;
  World full(hub);
  Peer& poster = full.connect("alice");
  full.attach(poster, "alice", posting());
  full.send(poster, 1, "alice", "fills her own inbox");
  full.commit();
  Envelope envelope = full.envelope("bob", "late");
  envelope.ttl_seconds = 1;
  full.send(poster, 2, envelope);
  full.commit();
  full.pass_ms(3000);
  full.settle_all();
  EXPECT_EQ(full.pending("bob"), 0U);
  EXPECT_EQ(full.pending("alice"), 1U);
  EXPECT_TRUE(full.audited("notice_dropped"));
}

}  // namespace
}  // namespace capstan
