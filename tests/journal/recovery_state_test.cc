// A start whose state, checkpoint or snapshots are damaged or gone.
#include "faulty_env.h"
#include "journal_world.h"
#include "recovery.h"

namespace capstan {
namespace {

using journal_test::gap;
using journal_test::lose_state_and_first_segment;
using journal_test::remove_segment;
using journal_test::ruin;
using journal_test::World;

using Bases = std::vector<std::uint64_t>;
using Gaps = std::vector<Gap>;

TEST(RecoveryState, ADamagedStateStartsFromTheNewestSnapshot) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true, true);
  world.write(2, true, true);
  world.write(1);
  world.checkpoint(60, {{"a", std::string(300, 'x')}});
  world.stop();
  ruin(world, "/data/state/");
  world.start();
  EXPECT_TRUE(world.summary.state_from_snapshot);
  EXPECT_TRUE(world.sink.rows.empty());
  EXPECT_EQ(world.summary.applied, Sequence{40});
  EXPECT_EQ(world.sink.bases(), (Bases{41, 51, 61}));
  ASSERT_EQ(world.summary.quarantined, (std::vector<std::string>{"/data/state.quarantined-1"}));
  world.checkpoint(70, {{"b", "2"}});
  world.start();
  EXPECT_FALSE(world.summary.state_from_snapshot);
  EXPECT_EQ(world.sink.rows, (std::map<std::string, std::string>{{"b", "2"}}));
}

TEST(RecoveryState, ADamagedSnapshotGivesWayToTheOneBefore) {
  World world;
  world.start();
  world.write(2, true, true);
  world.write(2, true, true);
  world.checkpoint(40, {{"a", "1"}});
  world.stop();
  ruin(world, "/data/state/");
  const auto spot = world.find_on_disk(31);
  world.disk.flip_bit(spot.path, spot.offset, 0);
  world.start();
  EXPECT_TRUE(world.summary.state_from_snapshot);
  EXPECT_EQ(world.summary.applied, Sequence{0});
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(31, 40)}));
}

// Goal: for a snapshot that the disk cannot read now, nobody has to restore a backup.
TEST(RecoveryState, ASnapshotThatTheDiskCannotReadEndsTheStartAndCostsNothing) {
  World world;
  journal_test::FaultyEnv& faulty = world.with_faults();
  world.start();
  world.write(2);
  world.write(2, true, true);
  world.checkpoint(40, {{"a", "1"}});
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  world.start();
  world.stop();
  ruin(world, "/data/state");
  for (const char* const unreadable : {"/journal/", ".ldb"}) {
    faulty.reads = unreadable;
    EXPECT_EQ(world.try_start().error().code, ErrorCode::kIo) << unreadable;
  }
  faulty.reads.clear();
  world.start();
  EXPECT_TRUE(world.summary.state_from_snapshot);
  EXPECT_EQ(world.sink.bases(), (Bases{21, 31}));
  EXPECT_TRUE(world.summary.gaps.empty());
}

// Goal: a folder that cannot be made is no damage to what ought to stand in it.
TEST(RecoveryState, AStateForWhichThereIsNoFolderEndsTheStart) {
  World world;
  journal_test::FaultyEnv& faulty = world.with_faults();
  faulty.directories = "/state";
  EXPECT_EQ(world.try_start().error().code, ErrorCode::kIo);
  faulty.directories.clear();
  world.start();
  EXPECT_TRUE(world.summary.quarantined.empty());
}

TEST(RecoveryState, WithoutSnapshotTheWholeWalIsReplayedWhenItIsAllThere) {
  World world;
  world.start();
  world.write(2);
  world.checkpoint(20, {{"a", "1"}});
  world.stop();
  ruin(world, "/data/state/");
  world.start();
  EXPECT_FALSE(world.summary.state_from_snapshot);
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11}));
}

TEST(RecoveryState, WithNeitherStateNorSegmentsAWitnessOfCommitsRefusesTheStart) {
  World world;
  world.start();
  world.write(2);
  world.checkpoint(20, {{"a", "1"}});
  world.stop();
  ruin(world, "/data/state/");
  remove_segment(world, "00000000000000000001");
  for (int start = 0; start < 2; ++start) {
    const Status started = world.try_start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kDamaged);
  }
}

TEST(RecoveryState, WithNeitherCheckpointNorSnapshotTheStartIsRefused) {
  World world;
  lose_state_and_first_segment(world);
  const Status started = world.try_start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kDamaged);
}

}  // namespace
}  // namespace capstan
