// What `agent_remove` does, and in which order. PROTOCOL.md §7.
#include "removal_world.h"

namespace capstan::core_test {
namespace {

using Texts = std::vector<std::string>;

// ---- Refused ----

TEST(AgentRemove, IsForOperators) {
  RemovalWorld mail(0);
  EXPECT_EQ(mail.ask(mail.alice, "agent_remove", name_is("bob")).code, ErrorCode::kAccessDenied);
  EXPECT_TRUE(mail.world.withdrawals.empty());
}

TEST(AgentRemove, RefusesWhatIsNoAgentOfThisHub) {
  RemovalWorld mail(0);
  EXPECT_EQ(mail.ask("agent_remove", name_is("nobody")).code, ErrorCode::kNotFound);
  EXPECT_EQ(mail.ask("agent_remove", {}).code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(mail.world.withdrawals.empty());
}

TEST(AgentRemove, RefusesAnOperator) {
  RemovalWorld mail(0);
  mail.world.tell(RemovalWorld::keys_with(key_of("bob")));
  mail.world.commit();
  EXPECT_EQ(mail.ask("agent_remove", name_is("operator")).code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(mail.world.withdrawals.empty());
}

TEST(AgentRemove, WhatTheFilesRefuseIsNotDone) {
  RemovalWorld mail(1);
  Peer& bob = mail.bob();
  EXPECT_EQ(bob.take_texts().size(), 1U);
  mail.ask_removal();
  NameWithdrawn refused;
  refused.name = "bob";
  refused.error = Error{ErrorCode::kIo, "disk on fire"};
  mail.world.tell(refused);
  const Response response = mail.admin.take_one<Response>();
  EXPECT_EQ(response.code, ErrorCode::kIo);
  EXPECT_EQ(response.message, "disk on fire");
  EXPECT_TRUE(bob.silent());
  EXPECT_EQ(mail.world.pending("bob"), 1U);
  EXPECT_EQ(mail.remove().code, ErrorCode::kOk) << "it may be repeated";
}

TEST(AgentRemove, IsNotDoneTwiceAtOnceNorWhileTheNameIsBeingAdded) {
  RemovalWorld mail(0);
  mail.ask_removal();
  EXPECT_EQ(mail.ask("agent_remove", name_is("bob")).code, ErrorCode::kUnavailable);
  const AdmittedKey bob = key_of("bob");
  const ParamMap add = name_is("bob")
                           .set("key", ByteBuffer(bob.key.begin(), bob.key.end()))
                           .set("names", Texts{"bob"});
  EXPECT_EQ(mail.ask("agent_add", add).code, ErrorCode::kUnavailable);
  EXPECT_EQ(mail.world.withdrawals, Texts{"bob"});
}

// ---- Done ----

TEST(AgentRemove, TheFilesComeFirstThenTheRecordThenTheNoteGoesAndThenTheAnswer) {
  RemovalWorld mail(2);
  const AgentId bob = mail.world.id("bob");
  mail.ask_removal();
  EXPECT_EQ(mail.world.withdrawals, Texts{"bob"});
  EXPECT_NE(mail.world.state().find_agent("bob"), nullptr);
  NameWithdrawn withdrawn = RemovalWorld::withdrawn();
  withdrawn.covering = {"node"};
  mail.world.tell(withdrawn);
  EXPECT_EQ(mail.world.state().find_agent("bob"), nullptr);
  EXPECT_TRUE(mail.world.forgotten.empty()) << "the record is not durable yet";
  mail.world.commit();
  EXPECT_EQ(mail.world.forgotten, Texts{"bob"});
  EXPECT_TRUE(mail.admin.silent());
  mail.world.tell(WithdrawalForgotten{"bob", std::nullopt});
  const Response response = mail.admin.take_one<Response>();
  EXPECT_EQ(response.code, ErrorCode::kOk);
  const auto result = decode_params(response.result);
  EXPECT_EQ(*result->bytes("agent_id"), ByteBuffer(bob.bytes.begin(), bob.bytes.end()));
  EXPECT_EQ(result->number("waiting"), 2U);
  EXPECT_EQ(*result->texts("withdrawn"), Texts{"bob"});
  EXPECT_EQ(*result->texts("covering"), Texts{"node"});
  EXPECT_EQ(mail.world.count_records(RecordType::kAgentRetired), 1U);
  EXPECT_TRUE(mail.world.audited("agent_removed"));
}

TEST(AgentRemove, WhatIsAcknowledgedIsNotCountedAsWaiting) {
  RemovalWorld mail(3);
  Peer& bob = mail.world.connect("bob");
  mail.world.attach(bob, "bob", receiving());
  mail.world.ack_up_to(bob, 2);
  const Response removed = mail.remove();
  EXPECT_EQ(decode_params(removed.result)->number("waiting"), 1U);
  EXPECT_EQ(mail.letters().size(), 1U);
}

TEST(AgentRemove, ANoteThatStaysIsTold) {
  RemovalWorld mail(0);
  mail.ask_removal();
  mail.world.tell(RemovalWorld::withdrawn());
  mail.world.commit();
  mail.world.tell(WithdrawalForgotten{"bob", Error{ErrorCode::kIo, "bob.removed"}});
  EXPECT_EQ(mail.admin.take_one<Response>().code, ErrorCode::kIo);
  EXPECT_TRUE(mail.world.audited("note_remains"));
}

TEST(AgentRemove, IsDoneInSilenceWhenWhoAskedHasLeft) {
  RemovalWorld mail(1);
  mail.ask_removal();
  mail.world.close(mail.admin);
  mail.world.tell(RemovalWorld::withdrawn());
  mail.world.settle_all();
  mail.world.tell(WithdrawalForgotten{"bob", std::nullopt});
  mail.world.tell(WithdrawalForgotten{"nobody", std::nullopt});
  EXPECT_EQ(mail.world.state().find_agent("bob"), nullptr);
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(AgentRemove, ConnectionsOfAWithdrawnKeyLeaveAndThoseOfANarrowedOneLoseTheName) {
  RemovalWorld mail(0);
  Peer& bob = mail.bob();
  const AdmittedKey wide = key_of("node", {"bob", "erin"});
  Peer& node = mail.world.connect("node", {"bob", "erin"});
  mail.ask_removal();
  NameWithdrawn withdrawn = RemovalWorld::withdrawn();
  AdmittedKey narrow = wide;
  narrow.names = {"erin"};
  withdrawn.keys = {key_of("alice"), key_of("operator"), narrow};
  mail.world.tell(withdrawn);
  mail.world.commit();
  EXPECT_EQ(bob.take_kinds(), (Texts{"error", "bye"})) << "first why, then that it is over";
  EXPECT_EQ(mail.world.evicted.count(bob.id()), 1U);
  EXPECT_EQ(mail.world.evicted.count(node.id()), 0U);
  EXPECT_EQ(mail.world.attach(node, "bob", receiving()).code, ErrorCode::kAccessDenied);
  EXPECT_EQ(mail.world.attach(node, "erin", receiving()).code, ErrorCode::kOk);
}

// ---- Notes that a start finds ----

TEST(AgentRemove, ANoteRemovesTheAgentOfItsKeyAndGoes) {
  RemovalWorld mail(2);
  mail.world.tell(RemovalWorld::withdrawn());
  EXPECT_TRUE(mail.world.forgotten.empty());
  mail.world.settle_all();
  EXPECT_EQ(mail.world.state().find_agent("bob"), nullptr);
  EXPECT_EQ(mail.world.forgotten, Texts{"bob"});
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(AgentRemove, ANoteAboutAnAgentThatIsGoneOnlyGoes) {
  RemovalWorld mail(0);
  mail.world.tell(RemovalWorld::withdrawn("nobody"));
  mail.world.commit();
  EXPECT_EQ(mail.world.forgotten, Texts{"nobody"});
  EXPECT_EQ(mail.world.count_records(RecordType::kAgentRetired), 0U);
}

TEST(AgentRemove, ANoteLeavesANewAgentOfTheNameAlone) {
  RemovalWorld mail(1);
  NameWithdrawn old = RemovalWorld::withdrawn();
  old.key = key_of("an earlier bob").key;
  mail.world.tell(old);
  mail.world.commit();
  EXPECT_EQ(mail.world.forgotten, Texts{"bob"});
  EXPECT_EQ(mail.world.pending("bob"), 1U);
}

TEST(AgentRemove, AfterANoteTheKeysOnDiskMakeANewAgent) {
  RemovalWorld mail(1);
  const AgentId before = mail.world.id("bob");
  const AdmittedKey again = key_of("another bob", {"bob"});
  mail.world.tell({RemovalWorld::withdrawn(), RemovalWorld::keys_with(again)});
  mail.world.settle_all();
  EXPECT_NE(mail.world.id("bob"), before);
  EXPECT_EQ(mail.world.state().find_agent("bob")->key, again.key);
  EXPECT_EQ(mail.world.pending("bob"), 0U);
}

}  // namespace
}  // namespace capstan::core_test
