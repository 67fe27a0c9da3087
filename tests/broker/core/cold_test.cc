// Copies of what is needed in sparse segments. FORMAT.md §10.
#include "traffic.h"

namespace capstan {
namespace {

using core_test::frequent_checkpoints;
using core_test::Peer;
using core_test::receiving;
using core_test::same_rows;
using core_test::Traffic;
using core_test::World;

/// carol never comes; segment by segment, one envelope of many is hers.
struct Forgotten : Traffic {
  explicit Forgotten(std::uint64_t percent = 40)
      : Traffic(with_percent(percent), {"alice", "bob", "carol"}) {
    for (int i = 0; i < 5; ++i) {
      world.send(alice, ++number, "carol", "for carol " + std::to_string(i));
      world.commit();
      post(6);
    }
    world.ack_up_to(bob, 30);
    world.pass_ms(60);
    world.commit();
    pass_checkpoint();
  }
  static HubConfig with_percent(std::uint64_t percent) {
    HubConfig config = frequent_checkpoints();
    config.cold_percent = percent;
    config.resident_blocks_bytes = 1;
    return config;
  }
  /// Copies until nothing is left to copy.
  std::size_t copy_all() {
    std::size_t copied = 0;
    for (int turn = 0; turn < 50; ++turn) {
      world.pass_ms(2);
      world.answer_reads();
      world.store_cold();
      world.commit();
      copied += world.cold_drops.size();
      world.replace_by_cold();
    }
    return copied;
  }
  std::vector<std::string> mail_of_carol() {
    Peer& carol = world.connect("carol");
    world.attach(carol, "carol", receiving());
    world.settle_all();
    return carol.take_texts();
  }
};

const std::vector<std::string> kForCarol{"for carol 0", "for carol 1", "for carol 2", "for carol 3",
                                         "for carol 4"};

TEST(ColdCopy, ASparseSegmentIsCopiedAndGivesWayWhenTheCopyIsDurable) {
  Forgotten forgotten;
  World& world = forgotten.world;
  EXPECT_TRUE(world.drops.empty());
  world.pass_ms(2);
  ASSERT_EQ(world.cold_parts.size(), 1U);
  const ColdPart part = world.cold_parts.front();
  EXPECT_EQ(part.segment, Sequence{1});
  EXPECT_TRUE(part.begins);
  world.store_cold();
  EXPECT_TRUE(world.cold_drops.empty()) << "`cold` is not durable yet";
  world.commit();
  EXPECT_EQ(world.cold_drops, std::vector{Sequence{1}});
  EXPECT_EQ(world.state().segments().at(Sequence{1}), SegmentState::kCold);
}

TEST(ColdCopy, OnlyWhatIsNeededIsCopiedAndKeepsItsSequences) {
  Forgotten forgotten;
  World& world = forgotten.world;
  const std::map<Sequence, SharedBlock> originals = world.disk;
  ASSERT_GT(forgotten.copy_all(), 2U);
  std::size_t records = 0;
  for (const auto& [base, thinned] : world.cold) {
    const Block& original = *originals.at(base);
    EXPECT_EQ(thinned->last(), original.last());
    RecordReader kept(*thinned);
    while (const auto record = kept.next()) {
      ++records;
      RecordReader all(original);
      auto same = all.next();
      while (same->sequence != record->sequence) same = all.next();
      EXPECT_EQ(to_hex(same->payload), to_hex(record->payload));
      EXPECT_EQ(same->type, RecordType::kEnvelope);
    }
    EXPECT_TRUE(kept.at_end());
  }
  EXPECT_EQ(records, world.cold.size()) << "one envelope for carol in each";
}

TEST(ColdCopy, WhatWasCopiedIsDeliveredAndThenTheCopyGoes) {
  Forgotten forgotten;
  World& world = forgotten.world;
  ASSERT_GT(forgotten.copy_all(), 2U);
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  world.settle_all();
  EXPECT_EQ(carol.take_texts(), kForCarol);
  EXPECT_TRUE(world.drops.empty());
  world.ack_up_to(carol, 5);
  world.pass_ms(60);
  world.commit();
  forgotten.pass_checkpoint();
  forgotten.pass_checkpoint();
  EXPECT_EQ(world.drops.front(), Sequence{1}) << "nothing in its copy is needed any more";
}

TEST(ColdCopy, ASnapshotFindsTheMailInTheCopy) {
  Forgotten forgotten;
  ASSERT_GT(forgotten.copy_all(), 2U);
  forgotten.post(20);
  const State recovered = forgotten.world.recovered();
  EXPECT_TRUE(same_rows(recovered, forgotten.world.state()));
  forgotten.world.restart();
  EXPECT_EQ(forgotten.mail_of_carol(), kForCarol);
}

TEST(ColdCopy, AStartFinishesTheDropOfAnOriginal) {
  Forgotten forgotten;
  World& world = forgotten.world;
  world.pass_ms(2);
  world.store_cold();
  world.commit();
  ASSERT_EQ(world.cold_drops, std::vector{Sequence{1}});
  world.cold_drops.clear();
  world.cold_originals_at_start = {Sequence{1}};
  world.restart();
  EXPECT_EQ(world.cold_drops, std::vector{Sequence{1}});
  EXPECT_TRUE(world.drops.empty());
}

TEST(ColdCopy, ACopyThatFailsIsAuditedAndTriedAgainLater) {
  Forgotten forgotten;
  World& world = forgotten.world;
  world.pass_ms(2);
  ASSERT_EQ(world.cold_parts.size(), 1U);
  world.cold_parts.clear();
  world.tell(ColdPartStored{Sequence{1}, Error{ErrorCode::kIo, "test"}});
  EXPECT_TRUE(world.audited("cold_copy_failed"));
  EXPECT_EQ(forgotten.copy_all(), 0U);
  EXPECT_EQ(world.state().segments().at(Sequence{1}), SegmentState::kSealed);
  forgotten.post(1);
  world.pass_ms(61'000);
  forgotten.pass_checkpoint();
  EXPECT_GT(forgotten.copy_all(), 0U);
  EXPECT_EQ(forgotten.mail_of_carol(), kForCarol);
}

TEST(ColdCopy, ADamagedBlockIsAGapAndTheRestIsCopied) {
  Forgotten forgotten;
  World& world = forgotten.world;
  Sequence lost;
  for (int turn = 0; turn < 50 && !world.audited("gap"); ++turn) {
    world.pass_ms(2);
    world.store_cold();
    world.commit();
    world.replace_by_cold();
    if (world.reads.empty()) continue;
    lost = world.reads.front().bases.front();
    world.fail_read(ErrorCode::kDamaged);
  }
  world.commit();
  EXPECT_EQ(world.count_records(RecordType::kGap), 1U);
  EXPECT_FALSE(world.cold.contains(lost));
  EXPECT_GT(forgotten.copy_all(), 0U);
}

TEST(ColdCopy, ASegmentOfWhichMuchIsNeededStays) {
  Forgotten forgotten(0);
  EXPECT_EQ(forgotten.copy_all(), 0U);
  // Until the disk is low.
  forgotten.world.tell(DiskSpace{DiskState::kLow, 1});
  forgotten.post(1);
  forgotten.pass_checkpoint();
  EXPECT_GT(forgotten.copy_all(), 0U);
}

TEST(ColdCopy, ADeadLetterIsCopiedWithItsReason) {
  HubConfig config = Forgotten::with_percent(60);
  config.max_deliver = 1;
  Traffic traffic(config);
  World& world = traffic.world;
  traffic.post(1);
  world.settle_all();
  world.say(traffic.bob, Receipt{1, ReceiptKind::kNack, 1, {}, 0, 0});
  world.settle_all();
  traffic.post(29);
  world.ack_up_to(traffic.bob, 30);
  world.pass_ms(60);
  world.settle_all();
  traffic.pass_checkpoint();
  ASSERT_EQ(world.state().dead().size(), 1U);
  for (int turn = 0; turn < 50; ++turn) {
    world.pass_ms(2);
    world.answer_reads();
    world.store_cold();
    world.commit();
    world.replace_by_cold();
  }
  const DeadLetter& letter = world.state().dead().begin()->second.front();
  ASSERT_TRUE(world.cold.contains(letter.block));
  RecordReader reader(*world.cold.at(letter.block));
  const auto kept = reader.next();
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->sequence, letter.record);
  EXPECT_EQ(kept->type, RecordType::kDead);
}

}  // namespace
}  // namespace capstan
