// Segments with snapshots at their heads, and checkpoints. FORMAT.md §2, §4 and §5.
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

TEST(Checkpoints, TheFirstCommitOpensASegmentWithASnapshot) {
  World world;
  ASSERT_TRUE(world.durable.front().opens_segment);
  EXPECT_TRUE(world.durable.front().blocks.front()->snapshot_begins);
  EXPECT_EQ(world.state().segments().size(), 1U);
  EXPECT_EQ(world.state().segments().begin()->first, Sequence{1});
}

TEST(Checkpoints, AFullSegmentIsSealedAndTheNextBeginsWithASnapshot) {
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

TEST(Checkpoints, OnlyTheFirstBlockOfASegmentBeginsASnapshot) {
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
TEST(Checkpoints, ASnapshotAndWhatFollowsIsTheWholeState) {
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

TEST(Checkpoints, ACheckpointComesWithTheInterval) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(1);
  EXPECT_TRUE(traffic.world.checkpoints.empty());
  traffic.world.pass_ms(1001);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  EXPECT_EQ(traffic.world.checkpoints.front().applied, traffic.world.state().applied());
  traffic.world.pass_ms(5000);
  EXPECT_EQ(traffic.world.checkpoints.size(), 1U) << "one at a time";
}

TEST(Checkpoints, WithoutChangesThereIsNoCheckpoint) {
  Traffic traffic(frequent_checkpoints());
  traffic.pass_checkpoint();
  const Sequence applied = traffic.world.applied;
  traffic.world.pass_ms(3000);
  EXPECT_TRUE(traffic.world.checkpoints.empty());
  EXPECT_EQ(traffic.world.applied, applied);
}

TEST(Checkpoints, ACheckpointNeverPassesTheDisk) {
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
TEST(Checkpoints, CheckpointAndReplayAreTheLiveState) {
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

TEST(Checkpoints, ACheckpointHoldsOnlyWhatChanged) {
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

TEST(Checkpoints, AFailedCheckpointIsAuditedAndNothingIsDroppedUntilOneSucceeds) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(20);
  traffic.settle();
  traffic.world.pass_ms(1001);
  ASSERT_FALSE(traffic.world.checkpoints.empty());
  traffic.world.tell(
      CheckpointDone{traffic.world.checkpoints.front().applied, Error{ErrorCode::kIo, "test"}});
  traffic.world.checkpoints.clear();
  EXPECT_TRUE(traffic.world.audited("checkpoint_failed"));
  EXPECT_TRUE(traffic.world.drops.empty());
  traffic.post(1);
  traffic.world.pass_ms(2000);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U) << "the next one comes when it is due";
  EXPECT_TRUE(traffic.world.drops.empty());
  EXPECT_TRUE(same_rows(traffic.world.recovered(), traffic.world.state()));
  traffic.pass_checkpoint();
  EXPECT_FALSE(traffic.world.drops.empty());
}

}  // namespace
}  // namespace capstan
