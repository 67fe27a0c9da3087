// What `trace` says of an envelope in every state. PROTOCOL.md §7.
#include "mail_world.h"

namespace capstan {
namespace {

using core_test::failing_config;
using core_test::MailWorld;
using core_test::Peer;

ParamMap id_is(const EnvelopeId& id) {
  return ParamMap().set("envelope_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
}

std::string state_of(MailWorld& mail, const EnvelopeId& id) {
  return mail.get("trace", id_is(id)).text("state").value_or("");
}

TEST(TraceOperation, SaysWhatTheEnvelopeIsAndWhereItStands) {
  MailWorld mail(0);
  const std::uint64_t before_ns = mail.world.now.wall_ns;
  Envelope urgent = mail.world.envelope("bob", "soon");
  urgent.priority = Priority::kUrgent;
  urgent.ttl_seconds = 100;
  ByteBuffer bytes;
  encode_envelope(urgent, bytes);
  mail.world.say(mail.alice, SendView{1, 1, bytes});
  mail.world.commit();
  const EnvelopeId id = mail.alice.take_one<Accept>().first_id;
  const ParamMap shown = mail.get("trace", id_is(id));
  EXPECT_EQ(shown.number("created_at_ns"), before_ns);
  EXPECT_EQ(shown.text("sender"), "alice");
  EXPECT_EQ(shown.text("recipient"), "bob");
  EXPECT_EQ(shown.text("event_type"), std::string(kEventText));
  EXPECT_EQ(shown.text("priority"), "urgent");
  EXPECT_EQ(shown.number("ttl_seconds"), 100U);
  EXPECT_EQ(shown.number("position"), 1U);
  EXPECT_EQ(shown.number("bytes"), bytes.size());
  EXPECT_EQ(shown.text("state"), "pending");
  const auto block = mail.world.disk.find(Sequence{*shown.number("block")});
  ASSERT_NE(block, mail.world.disk.end());
  EXPECT_LE(block->first, id.sequence());
  EXPECT_GE(block->second->last(), id.sequence());
}

TEST(TraceOperation, EveryEnvelopeOfABlockIsFound) {
  MailWorld mail(50);
  for (std::size_t i = 0; i < mail.ids.size(); ++i) {
    EXPECT_EQ(mail.get("trace", id_is(mail.ids[i])).number("position"), i + 1);
  }
}

TEST(TraceOperation, FollowsADeliveryToItsEnd) {
  MailWorld mail(2, failing_config(2));
  EXPECT_EQ(state_of(mail, mail.ids[0]), "pending");
  Peer& bob = mail.bob();
  EXPECT_EQ(state_of(mail, mail.ids[0]), "in_flight");
  mail.world.ack_up_to(bob, 1);
  EXPECT_EQ(state_of(mail, mail.ids[0]), "settled");
  mail.nack(bob, 2, "no tool", 1000);
  const ParamMap retrying = mail.get("trace", id_is(mail.ids[1]));
  EXPECT_EQ(retrying.text("state"), "retrying");
  EXPECT_EQ(retrying.number("attempts"), 1U);
  EXPECT_EQ(retrying.text("reason"), "no tool");
  mail.world.pass_ms(1500);
  mail.world.settle_all();
  EXPECT_EQ(state_of(mail, mail.ids[1]), "in_flight");
  mail.nack(bob, 3, "still none", 1);
  mail.world.pass_ms(1000);
  mail.world.settle_all();
  const ParamMap dead = mail.get("trace", id_is(mail.ids[1]));
  EXPECT_EQ(dead.text("state"), "dead");
  EXPECT_EQ(dead.number("attempts"), 2U);
  EXPECT_EQ(dead.text("reason"), "still none");
  EXPECT_EQ(dead.number("died_at_ns"), mail.dead()->front().died_at_ns);
}

TEST(TraceOperation, ADroppedDeadLetterIsSettled) {
  MailWorld mail(1);
  mail.kill(1);
  (void)mail.get("dead_drop", core_test::name_is("bob").set("all", true));
  EXPECT_EQ(state_of(mail, mail.ids[0]), "settled");
}

TEST(TraceOperation, AnIdThatNobodyWasGivenIsNotFound) {
  MailWorld mail(1);
  const EnvelopeId id = mail.ids[0];
  const std::uint64_t clock_ns = id.clock_ns();
  const Sequence far{mail.world.disk.rbegin()->second->last().value + 1000};
  // Another clock; the record before it, which is none of an envelope; nothing; beyond the end.
  for (const EnvelopeId& unknown : {EnvelopeId::make(clock_ns + 1, 0, id.sequence()),
                                    EnvelopeId::make(clock_ns, 0, Sequence{1}), EnvelopeId{},
                                    EnvelopeId::make(clock_ns, 0, far)}) {
    EXPECT_EQ(mail.ask("trace", id_is(unknown)).code, ErrorCode::kNotFound) << unknown.hex();
  }
}

TEST(TraceOperation, WhatIsNotDurableYetIsNotFound) {
  MailWorld mail(1);
  mail.world.send(mail.alice, 2, "bob", "2");
  ASSERT_EQ(mail.world.commits.size(), 1U);
  const Sequence last = mail.world.commits.front().blocks.back()->last();
  mail.world.say(mail.admin,
                 Request{5, "trace", encode_params(id_is(EnvelopeId::make(1, 0, last)))});
  EXPECT_TRUE(mail.world.reads.empty());
  mail.world.commit();
  EXPECT_EQ(mail.admin.take_one<Response>().code, ErrorCode::kNotFound);
}

TEST(TraceOperation, WhatIsOffTheDiskIsNotFoundAndADamagedBlockIsNoGap) {
  MailWorld mail(3);
  for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kDamaged, ErrorCode::kIo}) {
    mail.world.say(mail.admin, Request{5, "trace", encode_params(id_is(mail.ids[2]))});
    mail.world.fail_read(code);
    EXPECT_EQ(mail.admin.take_one<Response>().code, code);
  }
  EXPECT_EQ(mail.world.count_records(RecordType::kGap), 0U) << "mail waits for nothing in it";
}

TEST(TraceOperation, NeedsAnIdOfSixteenBytes) {
  MailWorld mail(0);
  EXPECT_EQ(mail.ask("trace", {}).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("trace", ParamMap().set("envelope_id", ByteBuffer(15))).code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace capstan
