// A dead letter goes to its mailbox once more, whole or not at all. PROTOCOL.md §7.
#include "mail_world.h"

namespace capstan {
namespace {

using core_test::failing_config;
using core_test::MailWorld;
using core_test::name_is;
using core_test::Notified;
using core_test::Peer;

ParamMap first_letter(const MailWorld& mail) {
  return name_is("bob").set("record", mail.dead()->front().record.value);
}

/// Nothing is in memory: what is not in the newest block has to be read.
HubConfig forgetful_config() {
  HubConfig config = failing_config(1);
  config.resident_blocks_bytes = 0;
  return config;
}

TEST(ResendOperation, TheEnvelopeComesAgainUnderANewIdFromItsOldSender) {
  MailWorld mail(1);
  mail.kill(1);
  const ParamMap done = mail.get("dead_resend", first_letter(mail));
  EXPECT_EQ(mail.dead(), nullptr);
  Peer& bob = mail.bob();
  const Notified again = bob.take_one<Notified>();
  EXPECT_EQ(again.text(), "1");
  EXPECT_EQ(again.envelope.sender_id, mail.world.id("alice"));
  EXPECT_NE(again.envelope.envelope_id, mail.ids[0]);
  EXPECT_EQ(done.bytes("envelope_id"), ByteBuffer(again.envelope.envelope_id.bytes.begin(),
                                                  again.envelope.envelope_id.bytes.end()));
  EXPECT_EQ(again.attempt, 1U);
}

TEST(ResendOperation, PriorityStaysAndTheTtlCountsAnew) {
  MailWorld mail(0);
  Envelope urgent = mail.world.envelope("bob", "soon");
  urgent.priority = Priority::kUrgent;
  urgent.ttl_seconds = 100;
  mail.world.send(mail.alice, 1, urgent);
  mail.world.commit();
  mail.kill(1);
  mail.world.pass_ms(3'600'000);
  (void)mail.get("dead_resend", first_letter(mail));
  mail.world.pass_ms(90'000);
  mail.world.settle_all();
  ASSERT_EQ(mail.world.pending("bob"), 1U);
  Peer& bob = mail.bob();
  EXPECT_EQ(bob.take_one<Notified>().envelope.priority, Priority::kUrgent);
  mail.world.say(bob, Bye{});
  mail.world.pass_ms(20'000);
  mail.world.settle_all();
  EXPECT_EQ(mail.world.pending("bob"), 0U) << "a hundred seconds from the resend";
}

TEST(ResendOperation, TheEnvelopeAndTheEndOfTheLetterAreOneCommit) {
  MailWorld mail(1);
  mail.kill(1);
  mail.world.say(mail.admin, Request{1, "dead_resend", encode_params(first_letter(mail))});
  mail.world.answer_reads();
  ASSERT_EQ(mail.world.commits.size(), 1U);
  EXPECT_TRUE(mail.admin.silent()) << "it is answered when it is durable";
  mail.world.restart();
  EXPECT_EQ(mail.dead()->size(), 1U) << "a crash before the commit leaves the letter";
  EXPECT_EQ(mail.world.pending("bob"), 0U);
}

TEST(ResendOperation, ItOutlivesTheHub) {
  MailWorld mail(1);
  mail.kill(1);
  (void)mail.get("dead_resend", first_letter(mail));
  mail.world.restart();
  EXPECT_EQ(mail.dead(), nullptr);
  EXPECT_EQ(mail.world.pending("bob"), 1U);
}

TEST(ResendOperation, ACopyThatIsNotInMemoryIsReadFirst) {
  MailWorld mail(1, forgetful_config());
  mail.kill(1);
  mail.world.restart();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  mail.world.say(admin, Request{5, "dead_resend", encode_params(first_letter(mail))});
  ASSERT_EQ(mail.world.reads.size(), 1U);
  EXPECT_TRUE(admin.silent());
  mail.world.settle_all();
  EXPECT_EQ(admin.take_one<Response>().request_id, 5U);
  EXPECT_EQ(mail.dead(), nullptr);
  EXPECT_EQ(mail.world.pending("bob"), 1U);
}

TEST(ResendOperation, WhenTheRequesterIsGoneNothingIsDone) {
  MailWorld mail(1, forgetful_config());
  mail.kill(1);
  mail.world.restart();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  mail.world.say(admin, Request{5, "dead_resend", encode_params(first_letter(mail))});
  mail.world.close(admin);
  mail.world.settle_all();
  EXPECT_EQ(mail.dead()->size(), 1U);
  EXPECT_EQ(mail.world.pending("bob"), 0U);
}

TEST(ResendOperation, TwoAtTheSameTimeSendItOnce) {
  MailWorld mail(1, forgetful_config());
  mail.kill(1);
  mail.world.restart();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  const ByteBuffer params = encode_params(first_letter(mail));
  mail.world.say(admin, Request{5, "dead_resend", params}, Request{6, "dead_resend", params});
  mail.world.settle_all();
  const auto answers = admin.take<Response>();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].code, ErrorCode::kOk);
  EXPECT_EQ(answers[1].code, ErrorCode::kNotFound);
  EXPECT_EQ(mail.world.pending("bob"), 1U);
}

TEST(ResendOperation, AFullInboxAndAFailedReadLeaveTheLetterWhereItIs) {
  HubConfig config = forgetful_config();
  config.inbox_envelopes_max = 2;
  MailWorld mail(1, config);
  mail.kill(1);
  mail.world.restart();
  Peer& alice = mail.world.connect("alice");
  mail.world.attach(alice, "alice", core_test::posting());
  mail.world.send(alice, 2, "bob", "2");
  mail.world.send(alice, 3, "bob", "3");
  mail.world.commit();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  EXPECT_EQ(mail.ask(admin, "dead_resend", first_letter(mail)).code, ErrorCode::kInboxFull);
  for (const ErrorCode code : {ErrorCode::kIo, ErrorCode::kDamaged}) {
    mail.world.say(admin, Request{7, "dead_resend", encode_params(first_letter(mail))});
    mail.world.fail_read(code);
    EXPECT_EQ(admin.take_one<Response>().code, code);
  }
  EXPECT_EQ(mail.dead()->size(), 1U);
  EXPECT_EQ(mail.world.pending("bob"), 2U);
}

TEST(ResendOperation, OnlySoManyRequestsWaitForTheDisk) {
  MailWorld mail(1, forgetful_config());
  mail.kill(1);
  mail.world.restart();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  const ByteBuffer params = encode_params(first_letter(mail));
  for (std::uint64_t i = 1; i <= 17; ++i) mail.world.say(admin, Request{i, "dead_resend", params});
  EXPECT_EQ(mail.world.reads.size(), 16U);
  const Response refused = admin.take_one<Response>();
  EXPECT_EQ(refused.request_id, 17U);
  EXPECT_EQ(refused.code, ErrorCode::kUnavailable);
}

TEST(ResendOperation, AnUnknownLetterIsNotFound) {
  MailWorld mail(1);
  mail.kill(1);
  const std::uint64_t record = mail.dead()->front().record.value;
  EXPECT_EQ(mail.ask("dead_resend", name_is("bob")).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("dead_resend", name_is("bob").set("record", record + 1)).code,
            ErrorCode::kNotFound);
  EXPECT_EQ(mail.ask("dead_resend", name_is("carol").set("record", record)).code,
            ErrorCode::kNotFound);
  EXPECT_EQ(mail.ask("dead_resend", name_is("nobody").set("record", record)).code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan
