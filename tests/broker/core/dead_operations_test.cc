// What `dead_list` and `dead_drop` do. PROTOCOL.md §7.
#include "mail_world.h"

namespace capstan {
namespace {

using core_test::MailWorld;
using core_test::name_is;
using core_test::Peer;

std::uint64_t record_of(const ParamMap& letter) { return letter.number("record").value_or(0); }

TEST(DeadOperations, TheListTellsWhatDiedWhenAndWhy) {
  MailWorld mail(2);
  mail.kill(1, "no tool");
  const ParamMap list = mail.get("dead_list", {});
  EXPECT_EQ(list.flag("more"), false);
  const auto* letters = list.maps("letters");
  ASSERT_NE(letters, nullptr);
  ASSERT_EQ(letters->size(), 1U);
  const ParamMap& letter = letters->front();
  EXPECT_EQ(letter.number("record"), mail.dead()->front().record.value);
  EXPECT_EQ(letter.bytes("envelope_id"),
            ByteBuffer(mail.ids[0].bytes.begin(), mail.ids[0].bytes.end()));
  EXPECT_EQ(letter.text("agent"), "bob");
  EXPECT_EQ(letter.text("sender"), "alice");
  EXPECT_EQ(letter.number("attempts"), 1U);
  EXPECT_EQ(letter.number("died_at_ns"), mail.dead()->front().died_at_ns);
  EXPECT_EQ(letter.number("bytes"), mail.dead()->front().bytes);
  EXPECT_EQ(letter.text("reason"), "no tool");
}

TEST(DeadOperations, ItIsPagedInTheOrderOfRecords) {
  MailWorld mail(700);
  Peer& bob = mail.bob(1000);
  for (std::uint64_t delivery = 1; delivery <= 700; ++delivery) mail.nack(bob, delivery);
  mail.world.pass_ms(1000);
  mail.world.settle_all();
  ASSERT_EQ(mail.dead()->size(), 700U);
  for (const bool of_bob : {false, true}) {
    const ParamMap about = of_bob ? name_is("bob") : ParamMap();
    const ParamMap first = mail.get("dead_list", about);
    EXPECT_EQ(first.flag("more"), true);
    ASSERT_EQ(first.maps("letters")->size(), 500U);
    ParamMap after = about;
    after.set("after", record_of(first.maps("letters")->back()));
    const ParamMap second = mail.get("dead_list", after);
    EXPECT_EQ(second.flag("more"), false);
    ASSERT_EQ(second.maps("letters")->size(), 200U);
    std::uint64_t before = 0;
    for (const ParamMap* page : {&first, &second}) {
      for (const ParamMap& letter : *page->maps("letters")) {
        EXPECT_LT(before, record_of(letter));
        before = record_of(letter);
      }
    }
  }
}

TEST(DeadOperations, LettersOfSeveralAgentsComeInOneOrder) {
  MailWorld mail(2);
  mail.kill(1);
  mail.world.send(mail.alice, 3, "carol", "to carol");
  mail.world.commit();
  Peer& carol = mail.world.connect("carol");
  core_test::Binding binding = core_test::receiving();
  binding.epoch = 1;
  mail.world.attach(carol, "carol", binding);
  mail.nack(carol, 1);
  mail.world.pass_ms(1000);
  mail.world.settle_all();
  mail.kill(1);
  const ParamMap list = mail.get("dead_list", {});
  ASSERT_EQ(list.maps("letters")->size(), 3U);
  EXPECT_EQ(list.maps("letters")->at(0).text("agent"), "bob");
  EXPECT_EQ(list.maps("letters")->at(1).text("agent"), "carol");
  EXPECT_EQ(list.maps("letters")->at(2).text("agent"), "bob");
  const ParamMap carols = mail.get("dead_list", name_is("carol"));
  ASSERT_EQ(carols.maps("letters")->size(), 1U);
}

TEST(DeadOperations, OneIsDroppedAndStaysDropped) {
  MailWorld mail(2);
  mail.kill(2);
  const std::uint64_t first = mail.dead()->front().record.value;
  EXPECT_EQ(mail.get("dead_drop", name_is("bob").set("record", first)).number("dropped"), 1U);
  ASSERT_EQ(mail.dead()->size(), 1U);
  EXPECT_NE(mail.dead()->front().record.value, first);
  EXPECT_EQ(mail.world.recovered().find_dead(mail.world.id("bob"))->size(), 1U);
}

TEST(DeadOperations, AllAreDroppedAThousandAtATime) {
  MailWorld mail(1001);
  Peer& bob = mail.bob(2000);
  for (std::uint64_t delivery = 1; delivery <= 1001; ++delivery) mail.nack(bob, delivery);
  mail.world.pass_ms(1000);
  mail.world.settle_all();
  const ParamMap first = mail.get("dead_drop", name_is("bob").set("all", true));
  EXPECT_EQ(first.number("dropped"), 1000U);
  EXPECT_EQ(first.flag("more"), true);
  const ParamMap second = mail.get("dead_drop", name_is("bob").set("all", true));
  EXPECT_EQ(second.number("dropped"), 1U);
  EXPECT_EQ(second.flag("more"), false);
  EXPECT_EQ(mail.dead(), nullptr);
  EXPECT_EQ(mail.get("dead_drop", name_is("bob").set("all", true)).number("dropped"), 0U);
}

TEST(DeadOperations, WhatIsNotThereIsNotFoundAndChangesNothing) {
  MailWorld mail(1);
  mail.kill(1);
  const std::uint64_t record = mail.dead()->front().record.value;
  EXPECT_EQ(mail.ask("dead_list", name_is("nobody")).code, ErrorCode::kNotFound);
  EXPECT_EQ(mail.ask("dead_list", ParamMap().set("name", true)).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("dead_drop", name_is("bob")).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("dead_drop", name_is("bob").set("all", false)).code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("dead_drop", ParamMap().set("record", record)).code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(mail.ask("dead_drop", name_is("carol").set("record", record)).code,
            ErrorCode::kNotFound);
  EXPECT_EQ(mail.ask("dead_drop", name_is("bob").set("record", record + 1)).code,
            ErrorCode::kNotFound);
  EXPECT_EQ(mail.dead()->size(), 1U);
}

TEST(DeadOperations, TheyAreForOperators) {
  MailWorld mail(0);
  for (const char* operation : {"dead_list", "dead_drop", "dead_resend", "trace"}) {
    EXPECT_EQ(mail.ask(mail.alice, operation, name_is("alice")).code, ErrorCode::kAccessDenied)
        << operation;
  }
}

}  // namespace
}  // namespace capstan
