// What `inbox` says. PROTOCOL.md §7.
#include <algorithm>

#include "mail_world.h"

namespace capstan {
namespace {

using core_test::failing_config;
using core_test::MailWorld;
using core_test::name_is;
using core_test::Peer;

TEST(InboxOperation, SaysWhatWaits) {
  MailWorld mail(3);
  const ParamMap inbox = mail.get("inbox", name_is("bob"));
  EXPECT_EQ(inbox.text("name"), "bob");
  EXPECT_EQ(inbox.number("pending"), 3U);
  EXPECT_EQ(inbox.number("pending_bytes"), mail.world.mailbox("bob").pending_bytes);
  EXPECT_EQ(inbox.number("next_position"), 4U);
  EXPECT_EQ(inbox.number("settled_floor"), 0U);
  EXPECT_EQ(inbox.number("in_flight"), 0U);
  EXPECT_EQ(inbox.number("dead"), 0U);
  EXPECT_EQ(inbox.flag("receiving"), false);
}

TEST(InboxOperation, SaysWhatIsInFlightAndWhatIsSettled) {
  MailWorld mail(4);
  Peer& bob = mail.bob(3);
  mail.world.ack_up_to(bob, 1);
  mail.world.pass_ms(60);
  mail.world.settle_all();
  const ParamMap inbox = mail.get("inbox", name_is("bob"));
  EXPECT_EQ(inbox.flag("receiving"), true);
  EXPECT_EQ(inbox.number("pending"), 3U);
  EXPECT_EQ(inbox.number("in_flight"), 2U);
  EXPECT_EQ(inbox.number("settled_floor"), 1U);
}

// Goal: requests that walk over all that is in flight are counted as such.
TEST(InboxOperation, WhatItWalksOverTakesOfTheShareOfTheTurn) {
  MailWorld mail(2000);
  Peer& bob = mail.bob(2000);
  EXPECT_EQ(bob.take<core_test::Notified>().size(), 2000U);
  BodyWriter body;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    body.write(Request{i, "inbox", encode_params(name_is("bob"))});
  }
  mail.world.feed(bob, body.take());
  const auto responses = bob.take<Response>();
  ASSERT_EQ(responses.size(), 1000U);
  const auto answered = std::count_if(responses.begin(), responses.end(), [](const Response& one) {
    return one.code == ErrorCode::kOk;
  });
  EXPECT_GT(answered, 20);
  EXPECT_LT(answered, 200);
  EXPECT_EQ(responses.back().code, ErrorCode::kUnavailable);
}

TEST(InboxOperation, ShowsFailedDeliveriesWithTheirTimes) {
  MailWorld mail(2, failing_config(16));
  Peer& bob = mail.bob();
  mail.nack(bob, 2, "no tool", 5000);
  mail.world.pass_ms(1000);
  const ParamMap inbox = mail.get("inbox", name_is("bob"));
  EXPECT_EQ(inbox.number("retrying"), 1U);
  const auto* retries = inbox.maps("retries");
  ASSERT_NE(retries, nullptr);
  ASSERT_EQ(retries->size(), 1U);
  EXPECT_EQ(retries->front().number("position"), 2U);
  EXPECT_EQ(retries->front().number("attempts"), 1U);
  EXPECT_EQ(retries->front().text("reason"), "no tool");
  EXPECT_EQ(retries->front().number("due_in_ms"), 4000U);
}

TEST(InboxOperation, ShowsNoMoreThanAHundredOfThem) {
  MailWorld mail(120, failing_config(16));
  Peer& bob = mail.bob(200);
  for (std::uint64_t delivery = 1; delivery <= 120; ++delivery) {
    mail.nack(bob, delivery, "busy", 60'000);
  }
  const ParamMap inbox = mail.get("inbox", name_is("bob"));
  EXPECT_EQ(inbox.number("retrying"), 120U);
  EXPECT_EQ(inbox.maps("retries")->size(), 100U);
}

TEST(InboxOperation, AnAgentAsksForItsOwnAndForNobodyElses) {
  MailWorld mail(1);
  EXPECT_EQ(mail.ask(mail.alice, "inbox", name_is("alice")).code, ErrorCode::kOk);
  const Response foreign = mail.ask(mail.alice, "inbox", name_is("bob"));
  const Response unknown = mail.ask(mail.alice, "inbox", name_is("nobody"));
  EXPECT_EQ(foreign.code, ErrorCode::kAccessDenied);
  EXPECT_EQ(unknown.code, ErrorCode::kAccessDenied) << "it tells nothing apart";
  EXPECT_EQ(mail.world.counter("refused_identity"), 2U);
  EXPECT_TRUE(mail.world.audited("access_denied"));
}

TEST(InboxOperation, NeedsANameThatIsKnown) {
  MailWorld mail(0);
  EXPECT_EQ(mail.ask("inbox", {}).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask(mail.alice, "inbox", {}).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("inbox", name_is("nobody")).code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan
