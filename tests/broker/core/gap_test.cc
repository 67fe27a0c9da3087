// Lost sequences: their record, the mail that is settled by it, and who is told. PROTOCOL.md §6.14.
#include "mail_world.h"

namespace capstan {
namespace {

using core_test::MailWorld;
using core_test::name_is;
using core_test::Notified;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;

using Texts = std::vector<std::string>;

/// alice posts to bob, one envelope a block; nothing stays in memory.
struct Loss {
  explicit Loss(std::uint64_t count, HubConfig hub = core_test::quiet_config())
      : world([&hub] {
          hub.resident_blocks_bytes = 1;
          return hub;
        }()) {
    Peer& alice = world.connect("alice");
    world.attach(alice, "alice", posting());
    for (std::uint64_t n = 1; n <= count; ++n) {
      world.send(alice, n, "bob", std::to_string(n));
      world.commit();
    }
  }

  /// The block with bob's envelope at this place, from 1.
  [[nodiscard]] Gap block(std::size_t place) const {
    const Sequence base =
        std::next(world.mailbox("bob").lanes[1].begin(), static_cast<std::ptrdiff_t>(place - 1))
            ->block;
    return {base, world.disk.at(base)->last()};
  }

  /// A start finds that these records are lost; up to `checkpointed` the state knew all.
  void start_without(const Gap& gap, Sequence checkpointed) {
    world.gaps_at_start = {gap};
    world.checkpointed_at_start = checkpointed;
    world.restart();
  }

  /// A receiver of the agent, and what it is told of gaps.
  std::vector<ParamMap> notices(const std::string& agent) {
    Peer& peer = world.connect(agent);
    world.attach(peer, agent, receiving());
    world.settle_all();
    std::vector<ParamMap> found;
    for (const Notified& mail : peer.take<Notified>()) {
      if (mail.envelope.event_type != "capstan.gap") continue;
      EXPECT_TRUE(mail.envelope.sender_id.is_zero());
      found.push_back(*decode_params(mail.envelope.event_data));
    }
    return found;
  }

  World world;
};

TEST(Gap, WhatAStartFoundIsRecordedAndItsMailIsSettled) {
  Loss loss(3);
  const Gap gap = loss.block(2);
  loss.start_without(gap, gap.last);
  EXPECT_EQ(loss.world.count_records(RecordType::kGap), 1U);
  EXPECT_TRUE(loss.world.audited("gap"));
  EXPECT_EQ(loss.world.counter("gaps"), 1U);
  EXPECT_EQ(loss.world.counter("lost"), 1U);
  EXPECT_EQ(loss.world.pending("bob"), 3U) << "two envelopes, and the notice";
  Peer& bob = loss.world.connect("bob");
  loss.world.attach(bob, "bob", receiving());
  loss.world.settle_all();
  const Texts texts = bob.take_texts();
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_EQ(texts[0], "1");
  EXPECT_EQ(texts[1], "3");
  EXPECT_EQ(loss.world.recovered().mailboxes().size(), loss.world.state().mailboxes().size());
}

TEST(Gap, WhoLostMailIsToldOnceAndNobodyElse) {
  Loss loss(3);
  const Gap gap = loss.block(2);
  loss.start_without(gap, gap.last);
  const auto told = loss.notices("bob");
  ASSERT_EQ(told.size(), 1U);
  const ParamMap& data = told.front();
  EXPECT_EQ(data.number("first_sequence"), gap.first.value);
  EXPECT_EQ(data.number("last_sequence"), gap.last.value);
  EXPECT_EQ(data.number("envelopes"), 1U);
  EXPECT_EQ(data.number("first_position"), 2U);
  EXPECT_EQ(data.number("last_position"), 2U);
  EXPECT_EQ(data.flag("may_be_more"), false);
  EXPECT_NE(data.text("text")->find("1 envelope for you"), std::string::npos) << *data.text("text");
  EXPECT_TRUE(loss.notices("alice").empty());
  EXPECT_TRUE(loss.notices("carol").empty());
}

// A crash between them would leave a loss that nobody is ever told of.
TEST(Gap, TheRecordTheSettlementAndTheNoticeAreInOneCommit) {
  Loss loss(3);
  const Gap gap = loss.block(2);
  loss.start_without(gap, gap.last);
  std::vector<RecordType> types;
  for (const SharedBlock& block : loss.world.durable.back().blocks) {
    RecordReader reader(*block);
    while (const auto record = reader.next()) types.push_back(record->type);
  }
  EXPECT_EQ(types, (std::vector<RecordType>{RecordType::kStart, RecordType::kGap,
                                            RecordType::kSettled, RecordType::kEnvelope}));
}

TEST(Gap, OfRecordsThatNobodyHasReadEveryAgentIsTold) {
  Loss loss(2);
  const Sequence last = loss.world.durable.back().blocks.back()->last();
  loss.start_without({last.plus(1), last.plus(40)}, last);
  for (const char* agent : {"alice", "bob", "carol"}) {
    const auto told = loss.notices(agent);
    ASSERT_EQ(told.size(), 1U) << agent;
    EXPECT_EQ(told.front().flag("may_be_more"), true);
    EXPECT_EQ(told.front().number("envelopes"), 0U);
    EXPECT_EQ(told.front().number("first_position"), std::nullopt);
    EXPECT_NE(told.front().text("text")->find("nobody knows"), std::string::npos);
  }
}

TEST(Gap, ALossThatAReadMeetsIsToldToo) {
  Loss loss(3);
  const Gap gap = loss.block(2);
  Peer& bob = loss.world.connect("bob");
  loss.world.attach(bob, "bob", receiving());
  // Two blocks are asked for, then each by itself.
  loss.world.fail_read(ErrorCode::kDamaged);
  const ReadBlocks first = loss.world.reads.front();
  loss.world.reads.clear();
  loss.world.tell(ReadDone{first.read, {loss.world.disk.at(first.bases.front())}, std::nullopt});
  ASSERT_EQ(loss.world.reads.front().bases, std::vector<Sequence>{gap.first});
  loss.world.fail_read(ErrorCode::kDamaged);
  loss.world.settle_all();
  const auto mail = bob.take<Notified>();
  ASSERT_EQ(mail.size(), 3U);
  EXPECT_EQ(mail.back().envelope.event_type, "capstan.gap");
  EXPECT_EQ(decode_params(mail.back().envelope.event_data)->flag("may_be_more"), false);
}

TEST(Gap, AFullInboxHasRoomForTheNotice) {
  HubConfig hub = core_test::quiet_config();
  hub.inbox_bytes_max = 1;
  Loss loss(0);
  loss.world.config = hub;
  Peer& alice = loss.world.connect("alice");
  loss.world.attach(alice, "alice", posting(8));
  loss.world.send(alice, 1, "bob", "lost");
  loss.world.commit();
  loss.world.send(alice, 2, "bob", "stays");
  loss.world.commit();
  const Gap gap = loss.block(1);
  loss.start_without(gap, gap.last);
  EXPECT_EQ(loss.notices("bob").size(), 1U);
}

TEST(Gap, WhatWasAcknowledgedIsNotLost) {
  Loss loss(2);
  Peer& bob = loss.world.connect("bob");
  loss.world.attach(bob, "bob", receiving());
  loss.world.settle_all();
  const Gap gap = loss.block(1);
  // Both are at bob. It acknowledges the first, which is not saved when the loss is found.
  loss.world.ack_up_to(bob, 1);
  Peer& again = loss.world.connect("bob");
  loss.world.attach(again, "bob", receiving());
  ASSERT_FALSE(loss.world.reads.empty());
  const ReadId read = loss.world.reads.front().read;
  loss.world.reads.clear();
  loss.world.tell(ReadDone{read, {}, Error{ErrorCode::kDamaged, "test"}, gap});
  loss.world.settle_all();
  EXPECT_EQ(loss.world.counter("lost"), 0U);
  for (const Notified& mail : again.take<Notified>()) {
    EXPECT_NE(mail.envelope.event_type, "capstan.gap");
  }
}

TEST(Gap, ADeadLetterWhoseCopyIsLostIsListedAsLostAndNeverReadAgain) {
  MailWorld mail(1);
  mail.kill(1);
  const Sequence record = mail.dead()->front().record;
  const Gap gap{mail.dead()->front().block, mail.world.disk.at(mail.dead()->front().block)->last()};
  mail.world.gaps_at_start = {gap};
  mail.world.checkpointed_at_start = gap.last;
  mail.world.restart();
  Peer& admin = mail.world.connect("operator", {}, AgentRole::kAdmin);
  const auto list = decode_params(mail.ask(admin, "dead_list", {}).result);
  ASSERT_EQ(list->maps("letters")->size(), 1U);
  EXPECT_EQ(list->maps("letters")->front().flag("lost"), true);
  mail.world.say(admin, Request{++mail.requests, "dead_resend",
                                encode_params(name_is("bob").set("record", record.value))});
  EXPECT_TRUE(mail.world.reads.empty());
  EXPECT_EQ(admin.take_one<Response>().code, ErrorCode::kDamaged);
  const Response dropped = mail.ask(admin, "dead_drop", name_is("bob").set("record", record.value));
  EXPECT_EQ(dropped.code, ErrorCode::kOk) << dropped.message;
}

}  // namespace
}  // namespace capstan
