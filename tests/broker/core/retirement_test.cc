// What a removal takes from an agent at once. PROTOCOL.md §6.15.
#include "removal_world.h"

namespace capstan::core_test {
namespace {

TEST(Retirement, EverySessionOfTheAgentEndsWithItsReasonAndOthersLiveOn) {
  RemovalWorld mail(0);
  Peer& node = mail.world.connect("bob");
  mail.world.attach(node, "bob", receiving(1));
  mail.world.attach(node, "bob", posting(9, 2));
  Peer& carol = mail.world.connect("carol");
  mail.world.attach(carol, "carol", receiving(1));
  EXPECT_EQ(mail.remove().code, ErrorCode::kOk);
  const auto errors = node.take<ErrorFrame>();
  ASSERT_EQ(errors.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(errors[i].session, i + 1);
    EXPECT_EQ(errors[i].about, FrameType::kNone);
    EXPECT_EQ(errors[i].code, ErrorCode::kAccessDenied);
    EXPECT_NE(errors[i].message.find("removed"), std::string::npos);
  }
  EXPECT_TRUE(carol.silent());
  mail.world.send(mail.alice, 1, "carol", "still here");
  mail.world.commit();
  EXPECT_EQ(carol.take_texts(), std::vector<std::string>{"still here"});
}

TEST(Retirement, TheNameAnswersLikeAnUnknownOne) {
  RemovalWorld mail(1);
  mail.remove();
  Peer& bob = mail.world.connect_any_key();
  const Response removed = mail.world.attach(bob, "bob", receiving());
  const Response unknown = mail.world.attach(bob, "nob", receiving());
  EXPECT_EQ(removed.code, ErrorCode::kAccessDenied);
  EXPECT_EQ(removed.code, unknown.code);
  EXPECT_EQ(removed.message.size(), unknown.message.size());
  for (const char* operation : {"get_agent", "inbox", "agent_remove"}) {
    EXPECT_EQ(mail.ask(operation, name_is("bob")).code, ErrorCode::kNotFound) << operation;
  }
  EXPECT_EQ(mail.get("list_agents", {}).maps("agents")->size(), 2U);
}

TEST(Retirement, NewMailIsRefusedAlsoFromWhoSentThereLast) {
  RemovalWorld mail(1);
  const ByteBuffer late = mail.world.envelope_bytes("bob", "late");
  mail.ask_removal();
  mail.world.tell(RemovalWorld::withdrawn());
  mail.world.say(mail.alice, SendView{1, 2, late});  // Its mailbox waits for the commit.
  mail.world.settle_all();
  mail.world.say(mail.alice, SendView{1, 2, late});  // Its mailbox is gone.
  mail.world.settle_all();
  EXPECT_EQ(mail.alice.take_errors(),
            (std::vector<ErrorCode>{ErrorCode::kNotFound, ErrorCode::kNotFound}));
  EXPECT_EQ(mail.letters().size(), 1U);
}

// Who hears not_found believes that nothing is stored. The accept may have been lost with its link.
TEST(Retirement, WhatWasStoredBeforeIsAcceptedAgainAndNotRefused) {
  RemovalWorld mail(2);
  const ByteBuffer again = mail.world.envelope_bytes("bob", "again");
  mail.ask_removal();
  mail.world.tell(RemovalWorld::withdrawn());
  mail.world.say(mail.alice, SendView{1, 1, again});  // Its mailbox waits for the commit.
  mail.world.settle_all();
  EXPECT_EQ(mail.alice.take_one<Accept>().first_id, mail.ids[0]);
  mail.world.say(mail.alice, SendView{1, 2, again});  // Its mailbox is gone.
  mail.world.settle_all();
  EXPECT_EQ(mail.alice.take_one<Accept>().first_id, mail.ids[1]);
  EXPECT_TRUE(mail.alice.take_errors().empty());
  EXPECT_EQ(mail.letters().size(), 2U);
}

TEST(Retirement, WhatWasAcknowledgedIsNoDeadLetterAndWhatIsInFlightIsOne) {
  RemovalWorld mail(3);
  Peer& bob = mail.bob();
  EXPECT_EQ(bob.take_texts().size(), 3U);
  mail.world.ack(bob, mail.ids[0]);  // Not in a commit yet.
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), (std::vector<std::string>{mail.sent()[1], mail.sent()[2]}));
  mail.world.ack(bob, mail.ids[1]);
  EXPECT_EQ(bob.take_errors(),
            (std::vector<ErrorCode>{ErrorCode::kAccessDenied, ErrorCode::kUnknownSession}));
}

TEST(Retirement, ANewAgentOfTheNameIsAnotherOne) {
  RemovalWorld mail(2);
  const AgentId before = mail.world.id("bob");
  mail.remove();
  mail.world.settle_all();
  mail.world.tell(RemovalWorld::keys_with(key_of("bob")));
  mail.world.commit();
  EXPECT_NE(mail.world.id("bob"), before);
  EXPECT_EQ(mail.world.pending("bob"), 0U);
  mail.world.send(mail.alice, 3, "bob", "welcome");
  mail.world.commit();
  EXPECT_EQ(mail.bob().take_texts(), std::vector<std::string>{"welcome"});
  EXPECT_EQ(mail.letters().size(), 2U) << "those of the first one";
}

TEST(Retirement, ItsOwnNumbersAreForgotten) {
  RemovalWorld mail(1);
  const ProducerId alice{mail.world.id("alice"), 7};
  ASSERT_NE(mail.world.state().find_producer(alice), nullptr);
  mail.remove("alice");
  EXPECT_EQ(mail.world.state().find_producer(alice), nullptr);
  EXPECT_EQ(mail.world.pending("bob"), 1U) << "what it sent stays sent";
}

TEST(Retirement, NothingThatWasPlannedForItHappens) {
  RemovalWorld mail(2);
  Envelope late = mail.world.envelope("bob", "late");
  late.ttl_seconds = 5;
  mail.world.send(mail.alice, 3, late);
  mail.world.commit();
  Peer& bob = mail.bob(1);
  mail.nack(bob, 1, "busy", 3000);
  mail.ask_removal();
  mail.world.tell(RemovalWorld::withdrawn());
  for (int second = 0; second < 10; ++second) {
    mail.world.pass_ms(1000);
    mail.world.settle_all();
  }
  EXPECT_EQ(mail.told().size(), 3U) << "all are dead letters, and none expired";
  EXPECT_EQ(mail.letters().size(), 3U);
}

TEST(Retirement, ARestartFindsTheSameState) {
  RemovalWorld mail(3);
  mail.remove();
  mail.world.settle_all();
  const auto live = mail.world.state().all_rows();
  const auto found = mail.world.recovered().all_rows();
  ASSERT_EQ(live.size(), found.size());
  for (std::size_t i = 0; i < live.size(); ++i) {
    EXPECT_EQ(live[i].key, found[i].key);
    EXPECT_EQ(live[i].value, found[i].value);
  }
}

}  // namespace
}  // namespace capstan::core_test
