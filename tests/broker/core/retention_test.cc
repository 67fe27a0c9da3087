// Segments, snapshots, checkpoints, and what may be dropped. FORMAT.md §2, §4 and §5.
#include <algorithm>

#include "traffic.h"

namespace capstan {
namespace {

using core_test::frequent_checkpoints;
using core_test::same_rows;
using core_test::small_segments;
using core_test::Traffic;
using core_test::World;

std::vector<std::size_t> segment_commits(const World& world) {
  std::vector<std::size_t> opening;
  for (std::size_t i = 0; i < world.durable.size(); ++i) {
    if (world.durable[i].opens_segment) opening.push_back(i);
  }
  return opening;
}

// ---- Segments ----

TEST(Retention, TheFirstCommitOpensASegmentWithASnapshot) {
  World world;
  ASSERT_TRUE(world.durable.front().opens_segment);
  EXPECT_TRUE(world.durable.front().blocks.front()->snapshot_begins);
  EXPECT_EQ(world.state().segments().size(), 1U);
  EXPECT_EQ(world.state().segments().begin()->first, Sequence{1});
}

TEST(Retention, AFullSegmentIsSealedAndTheNextBeginsWithASnapshot) {
  Traffic traffic(small_segments());
  traffic.post(30);
  const auto opening = segment_commits(traffic.world);
  ASSERT_GE(opening.size(), 4U);
  for (const std::size_t i : opening) {
    const SharedBlock& block = traffic.world.durable[i].blocks.front();
    EXPECT_TRUE(block->snapshot_begins) << i;
    EXPECT_TRUE(traffic.world.state().segments().contains(block->base));
    RecordReader reader(*block);
    EXPECT_EQ(reader.next()->type, RecordType::kSnapshotBegin);
  }
  std::size_t sealed = 0;
  for (const auto& [first, state] : traffic.world.state().segments()) {
    if (state == SegmentState::kSealed) ++sealed;
  }
  EXPECT_EQ(sealed, opening.size() - 1);
  EXPECT_EQ(traffic.world.state().segments().rbegin()->second, SegmentState::kOpen);
}

TEST(Retention, OnlyTheFirstBlockOfASegmentBeginsASnapshot) {
  Traffic traffic(small_segments());
  traffic.post(30);
  for (const Commit& commit : traffic.world.durable) {
    for (const SharedBlock& block : commit.blocks) {
      if (block->snapshot_begins) {
        EXPECT_TRUE(commit.opens_segment);
        EXPECT_EQ(block, commit.blocks.front());
      }
    }
  }
}

// Goal: a start from a snapshot finds the state that the hub has.
TEST(Retention, ASnapshotAndWhatFollowsIsTheWholeState) {
  Traffic traffic(small_segments());
  traffic.post(12);
  traffic.settle();
  traffic.post(18);
  const auto opening = segment_commits(traffic.world);
  for (const std::size_t from : opening) {
    State state;
    for (std::size_t i = from; i < traffic.world.durable.size(); ++i) {
      for (const SharedBlock& block : traffic.world.durable[i].blocks) {
        ASSERT_TRUE(state.apply(*block).ok());
      }
    }
    EXPECT_TRUE(same_rows(state, traffic.world.state())) << "from commit " << from;
  }
}

// ---- Checkpoints ----

TEST(Retention, ACheckpointComesWithTheInterval) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(1);
  EXPECT_TRUE(traffic.world.checkpoints.empty());
  traffic.world.pass_ms(1001);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  EXPECT_EQ(traffic.world.checkpoints.front().applied, traffic.world.state().applied());
  traffic.world.pass_ms(5000);
  EXPECT_EQ(traffic.world.checkpoints.size(), 1U) << "one at a time";
}

TEST(Retention, WithoutChangesThereIsNoCheckpoint) {
  Traffic traffic(frequent_checkpoints());
  traffic.pass_checkpoint();
  const Sequence applied = traffic.world.applied;
  traffic.world.pass_ms(3000);
  EXPECT_TRUE(traffic.world.checkpoints.empty());
  EXPECT_EQ(traffic.world.applied, applied);
}

TEST(Retention, ACheckpointNeverPassesTheDisk) {
  Traffic traffic(frequent_checkpoints());
  traffic.world.now.monotonic_ns += 2000 * kNsPerMs;
  traffic.world.send(traffic.alice, 1, "bob", "one");
  EXPECT_TRUE(traffic.world.checkpoints.empty()) << "its commit is not durable";
  traffic.world.commit_one();
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  EXPECT_EQ(traffic.world.checkpoints.front().applied,
            traffic.world.durable.back().blocks.back()->last());
}

// Goal: at every moment, checkpoint and replay together are the state that the hub has.
TEST(Retention, CheckpointAndReplayAreTheLiveState) {
  Traffic traffic(frequent_checkpoints());
  for (int round = 0; round < 12; ++round) {
    traffic.post(round % 5);
    if (round % 3 == 1) traffic.settle();
    if (round % 2 == 0) traffic.pass_checkpoint();
    traffic.world.say(traffic.alice, Ping{1});
    traffic.world.say(traffic.bob, Ping{1});
    if (round % 4 == 2) traffic.world.skip(traffic.alice, ++traffic.number);
    traffic.world.commit();
    EXPECT_TRUE(same_rows(traffic.world.recovered(), traffic.world.state())) << round;
  }
  EXPECT_GT(traffic.world.applied, Sequence{10});
}

TEST(Retention, ACheckpointHoldsOnlyWhatChanged) {
  Traffic traffic(frequent_checkpoints());
  traffic.pass_checkpoint();
  traffic.post(1);
  traffic.world.pass_ms(1001);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  for (const StateRow& row : traffic.world.checkpoints.front().puts) {
    EXPECT_NE(std::string("MRPS").find(row.key.front()), std::string::npos)
        << row.key.front() << ": no agent changed";
  }
  const auto segments = std::count_if(traffic.world.checkpoints.front().puts.begin(),
                                      traffic.world.checkpoints.front().puts.end(),
                                      [](const StateRow& row) { return row.key.front() == 'S'; });
  EXPECT_EQ(segments, 1) << "the one that the envelope stands in";
}

TEST(Retention, AFailedCheckpointIsAuditedAndNothingIsDroppedAfterIt) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(20);
  traffic.settle();
  traffic.world.pass_ms(1001);
  ASSERT_FALSE(traffic.world.checkpoints.empty());
  traffic.world.tell(
      CheckpointDone{traffic.world.checkpoints.front().applied, Error{ErrorCode::kIo, "test"}});
  traffic.world.checkpoints.clear();
  EXPECT_TRUE(traffic.world.audited("checkpoint_failed"));
  traffic.post(1);
  traffic.world.pass_ms(2000);
  EXPECT_TRUE(traffic.world.checkpoints.empty());
  EXPECT_TRUE(traffic.world.drops.empty());
  EXPECT_TRUE(same_rows(traffic.world.recovered(), traffic.world.state()));
}

// ---- Drops ----

TEST(Retention, ASegmentWithUnsettledMailIsKept) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.pass_checkpoint();
  traffic.post(10);
  traffic.pass_checkpoint();
  EXPECT_TRUE(traffic.world.drops.empty());
}

TEST(Retention, ASettledSegmentIsKeptUntilACheckpointHasPassedIt) {
  Traffic traffic(small_segments());
  traffic.post(30);
  traffic.settle();
  traffic.post(1);
  EXPECT_TRUE(traffic.world.drops.empty());
}

TEST(Retention, WhatIsSettledAndCheckpointedIsDroppedAfterTheDecisionIsDurable) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.settle();
  traffic.world.pass_ms(1001);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  const Checkpoint written = traffic.world.checkpoints.front();
  traffic.world.checkpoints.clear();
  traffic.world.tell(CheckpointDone{written.applied, std::nullopt});
  EXPECT_TRUE(traffic.world.drops.empty()) << "`dropping` is not durable yet";
  traffic.world.commit();
  ASSERT_FALSE(traffic.world.drops.empty());
  EXPECT_EQ(traffic.world.drops.front(), Sequence{1}) << "the oldest first";
  const Sequence open = traffic.world.state().segments().rbegin()->first;
  for (const Sequence& first : traffic.world.drops) {
    EXPECT_LT(first, open);
    EXPECT_EQ(traffic.world.state().segments().at(first), SegmentState::kDropping);
  }
  const std::size_t before = traffic.world.state().segments().size();
  for (const Sequence& first : traffic.world.drops) {
    traffic.world.tell(SegmentDropped{first, std::nullopt});
  }
  traffic.world.commit();
  EXPECT_EQ(traffic.world.state().segments().size(), before - traffic.world.drops.size());
}

// With many agents a snapshot is large, so that not every segment begins with one.
TEST(Retention, TheNewestSnapshotIsNeverDropped) {
  std::vector<std::string> agents{"alice", "bob"};
  for (int i = 0; i < 150; ++i) agents.push_back("agent-" + std::to_string(i));
  Traffic traffic(frequent_checkpoints(), agents);
  std::size_t dropped = 0;
  std::size_t without_snapshot = 0;
  for (int round = 0; round < 12; ++round) {
    traffic.post(12);
    traffic.settle();
    traffic.pass_checkpoint();
    const Sequence snapshot = traffic.world.state().snapshot();
    EXPECT_TRUE(traffic.world.state().segments().contains(snapshot));
    if (snapshot < traffic.world.state().segments().rbegin()->first) ++without_snapshot;
    for (const Sequence& first : traffic.world.drops) {
      EXPECT_LT(first, snapshot);
      traffic.world.tell(SegmentDropped{first, std::nullopt});
    }
    dropped += traffic.world.drops.size();
    traffic.world.drops.clear();
    traffic.world.commit();
  }
  EXPECT_GT(dropped, 0U) << "old segments do go";
  EXPECT_GT(without_snapshot, 0U);
}

TEST(Retention, AFailedDropIsAuditedAndFinishedAtTheNextStart) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.settle();
  traffic.pass_checkpoint();
  ASSERT_FALSE(traffic.world.drops.empty());
  const auto dropping = traffic.world.drops;
  for (const Sequence& first : dropping) {
    traffic.world.tell(SegmentDropped{first, Error{ErrorCode::kIo, "test"}});
  }
  EXPECT_TRUE(traffic.world.audited("drop_failed"));
  traffic.world.commit();
  traffic.world.drops.clear();
  traffic.world.restart();
  EXPECT_EQ(traffic.world.drops, dropping);
}

TEST(Retention, ASettledSegmentGoesAlthoughAnOlderOneIsNeeded) {
  HubConfig config = frequent_checkpoints();
  config.cold_percent = 0;
  Traffic traffic(config, {"alice", "bob", "carol"});
  traffic.world.send(traffic.alice, ++traffic.number, "carol", "she never comes");
  traffic.world.commit();
  traffic.post(30);
  traffic.settle();
  traffic.pass_checkpoint();
  ASSERT_FALSE(traffic.world.drops.empty());
  EXPECT_GT(traffic.world.drops.front(), Sequence{1});
  EXPECT_EQ(traffic.world.state().segments().at(Sequence{1}), SegmentState::kSealed);
  EXPECT_TRUE(traffic.world.cold_parts.empty());
}

}  // namespace
}  // namespace capstan
