#include <gtest/gtest.h>

#include "conversation.h"

namespace capstan {
namespace {

using test::Conversation;
using test::id_of;

TEST(Receiving, AcknowledgesInOrderWithOneReceipt) {
  Conversation c;
  const SessionId s = c.receiver(10);
  c.open();
  EXPECT_EQ(c.heard.attaches.at(0).credit_until, 10U);
  c.admit();
  for (std::uint64_t n = 1; n <= 3; ++n) c.notify(s, n, n);
  EXPECT_EQ(c.take<Delivered>().size(), 3U);
  c.engine().acknowledge(s, 2, 2);
  c.engine().acknowledge(s, 1, 1);
  c.engine().acknowledge(s, 3, 3);
  c.turn();
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kAckUpTo);
  EXPECT_EQ(c.heard.receipts[0].delivery, 3U);
  EXPECT_EQ(c.heard.receipts[0].credit_until, 13U);
}

TEST(Receiving, AcknowledgesOutOfOrderById) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 1);
  c.notify(s, 2, 2);
  c.acknowledge(s, 2, 2);
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kAck);
  EXPECT_EQ(c.heard.receipts[0].envelope_id, id_of(2));
  c.acknowledge(s, 1, 1);
  EXPECT_EQ(c.heard.receipts.at(1).kind, ReceiptKind::kAckUpTo);
  EXPECT_EQ(c.heard.receipts.at(1).delivery, 2U);
}

TEST(Receiving, ARedeliveryOfTheHandledIsNotShownButAcknowledgedAgain) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.acknowledge(s, 1, 1);
  c.lose();
  c.open_and_admit();
  c.heard.receipts.clear();
  EXPECT_EQ(c.take<Delivered>().size(), 1U);
  c.notify(s, 1, 5, 2);
  c.notify(s, 2, 6);
  const auto delivered = c.take<Delivered>();
  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].delivery, 2U);
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].delivery, 1U);
}

TEST(Receiving, WhatTheApplicationStillHasIsAcknowledgedUnderItsNewNumber) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.notify(s, 2, 6);
  EXPECT_EQ(c.take<Delivered>().size(), 2U);
  c.lose();
  c.acknowledge(s, 2, 2);
  c.open_and_admit();
  c.notify(s, 1, 5, 2);
  c.notify(s, 2, 6, 2);
  EXPECT_TRUE(c.take<Delivered>().empty());
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kAck);
  EXPECT_EQ(c.heard.receipts[0].envelope_id, id_of(6));
  c.acknowledge(s, 1, 1);
  EXPECT_EQ(c.heard.receipts.at(1).delivery, 2U);
}

TEST(Receiving, ASecondDeliveryInOneSessionIsNotCoveredBeforeTheApplicationIsDone) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.notify(s, 2, 6);
  c.notify(s, 3, 5, 2);
  EXPECT_EQ(c.take<Delivered>().size(), 2U);
  c.acknowledge(s, 2, 2);
  EXPECT_EQ(c.heard.receipts.at(0).kind, ReceiptKind::kAck);
  c.acknowledge(s, 1, 1);
  EXPECT_EQ(c.heard.receipts.at(1).delivery, 3U);
}

TEST(Receiving, ThePongsCursorIsForgottenAndStillNotShown) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.acknowledge(s, 1, 1);
  c.say(Pong{1, {{s, Position{7}}}});
  c.notify(s, 2, 6);
  EXPECT_EQ(c.take<Delivered>().size(), 1U);
}

TEST(Receiving, DeliveriesMaxHoldsAcrossAReconnect) {
  Conversation c;
  const SessionId s = c.receiver(100, 3);
  c.open();
  EXPECT_EQ(c.heard.attaches.at(0).credit_until, 3U);
  c.admit();
  c.notify(s, 1, 1);
  c.notify(s, 2, 2);
  c.acknowledge(s, 1, 1);
  EXPECT_EQ(c.heard.receipts.at(0).credit_until, 3U);
  c.lose();
  c.open();
  // One to be shown, and the unacknowledged one that comes again.
  EXPECT_EQ(c.heard.attaches.at(0).credit_until, 2U);
  c.admit();
  c.notify(s, 1, 1, 2);  // the hub had not stored our acknowledgement: one more number is needed
  EXPECT_EQ(c.heard.receipts.back().credit_until, 3U);
  c.notify(s, 2, 2, 2);
  c.notify(s, 3, 3);
  c.notify(s, 4, 4);
  EXPECT_EQ(c.take<Delivered>().size(), 3U);
  c.acknowledge(s, 1, 3);
  EXPECT_EQ(c.heard.receipts.back().credit_until, 3U);
  c.engine().grant_credit(s, 2);
  c.turn();
  EXPECT_EQ(c.heard.receipts.back().kind, ReceiptKind::kCredit);
  EXPECT_EQ(c.heard.receipts.back().credit_until, 5U);
}

TEST(Receiving, MailWithoutAPositionIsAlwaysShownAndNeverAwaited) {
  Conversation c;
  const SessionId s = c.receiver(100, 3);
  c.open_and_admit();
  c.notify(s, 1, 0);
  c.notify(s, 2, 0);
  EXPECT_EQ(c.take<Delivered>().size(), 2U);
  c.acknowledge(s, 1, 1);
  c.lose();
  c.open();
  // The unacknowledged one is not sent again.
  EXPECT_EQ(c.heard.attaches.at(0).credit_until, 1U);
  c.admit();
  c.engine().nack(s, 2, 0, "busy");
  c.turn();
  c.notify(s, 1, 0);
  const auto delivered = c.take<Delivered>();
  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].delivery, 3U);
  EXPECT_EQ(delivered[0].position, Position{});
}

TEST(Receiving, ANackNamesTheHubsNumberAndItsReasonAndFreesCredit) {
  Conversation c;
  const SessionId s = c.receiver(10);
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.notify(s, 2, 6);
  c.engine().nack(s, 1, 1500, "busy");
  c.turn();
  ASSERT_EQ(c.heard.receipts.size(), 2U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kNack);
  EXPECT_EQ(c.heard.receipts[0].delivery, 1U);
  EXPECT_EQ(c.heard.receipts[0].delay_ms, 1500U);
  EXPECT_EQ(c.heard.receipts[0].credit_until, 11U);
  c.heard.receipts.clear();
  c.acknowledge(s, 2, 2);
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kAckUpTo);
  EXPECT_EQ(c.heard.receipts[0].delivery, 2U);
}

TEST(Receiving, WhatWasGivenBackIsShownAgainAsANewDelivery) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.engine().nack(s, 1, 0, "busy");
  c.turn();
  EXPECT_EQ(c.take<Delivered>().size(), 1U);
  c.notify(s, 2, 5, 2);
  const auto again = c.take<Delivered>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].delivery, 2U);
  EXPECT_EQ(again[0].attempt, 2U);
  c.acknowledge(s, 1, 2);
  EXPECT_EQ(c.heard.receipts.back().delivery, 2U);
}

// Goal: a nack that the hub never heard changes nothing but that the envelope is shown once more.
TEST(Receiving, ANackBetweenTwoConnectionsHoldsWhenTheEnvelopeComesAgain) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  EXPECT_EQ(c.take<Delivered>().size(), 1U);
  c.lose();
  c.engine().nack(s, 1, 0, "busy");
  c.turn();
  c.open_and_admit();
  c.heard.receipts.clear();
  c.notify(s, 1, 5, 2);
  EXPECT_EQ(c.take<Delivered>().size(), 1U);
  EXPECT_TRUE(c.heard.receipts.empty());
}

// Goal: a hub that gave the first number up hears of the one that it waits for.
TEST(Receiving, ANackAndWorkingNameEveryNumberOfTheEnvelope) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.notify(s, 2, 5, 2);
  c.heard.receipts.clear();
  c.engine().working(s, 1);
  c.turn();
  ASSERT_EQ(c.heard.receipts.size(), 2U);
  EXPECT_EQ(c.heard.receipts[1].delivery, 2U);
  c.heard.receipts.clear();
  c.engine().nack(s, 1, 0, "busy");
  c.turn();
  ASSERT_GE(c.heard.receipts.size(), 2U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kNack);
  EXPECT_EQ(c.heard.receipts[1].kind, ReceiptKind::kNack);
  EXPECT_EQ(c.heard.receipts[1].delivery, 2U) << "before anything cumulative";
}

TEST(Receiving, WorkingNamesTheDeliveryAndSettlesNothing) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.engine().working(s, 1);
  c.turn();
  ASSERT_EQ(c.heard.receipts.size(), 1U);
  EXPECT_EQ(c.heard.receipts[0].kind, ReceiptKind::kWorking);
  EXPECT_EQ(c.heard.receipts[0].delivery, 1U);
  c.acknowledge(s, 1, 1);
  EXPECT_EQ(c.heard.receipts.back().kind, ReceiptKind::kAckUpTo);
}

TEST(Receiving, ANackOfWhatIsOverSaysNothing) {
  Conversation c;
  const SessionId s = c.receiver();
  c.open_and_admit();
  c.notify(s, 1, 5);
  c.acknowledge(s, 1, 1);
  c.heard.receipts.clear();
  c.engine().nack(s, 1, 0, "late");
  c.engine().nack(s, 9, 0, "never came");
  c.engine().working(s, 1);
  c.turn();
  EXPECT_TRUE(c.heard.receipts.empty());
}

}  // namespace
}  // namespace capstan
