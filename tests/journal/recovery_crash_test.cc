// The power goes at every moment of a life, a start and a salvage: what was acknowledged is there.
#include "journal_world.h"
#include "recovery.h"

namespace capstan {
namespace {

using journal_test::gap;
using journal_test::kRecordsPerBlock;
using journal_test::World;

using Bases = std::vector<std::uint64_t>;
using Gaps = std::vector<Gap>;

// Goal: a power cut at every sync of a life keeps everything that was acknowledged, and nothing
// partly. Method: let the n-th sync and all later ones fail, cut the power, start, compare.
TEST(RecoveryCrash, WhatWasAcknowledgedSurvivesAPowerCutAtEverySync) {
  for (std::uint64_t cut = 0; cut < 60; ++cut) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE("cut " + std::to_string(cut) + " seed " + std::to_string(seed));
      World world;
      world.disk.fail_sync_after(cut);
      std::uint64_t acknowledged = 0;
      std::uint64_t applied = 0;
      std::uint64_t attempted = 0;
      if (world.try_start().ok()) {
        for (int i = 0; i < 8; ++i) {
          const Commit commit = world.make(2, i % 3 == 2);
          attempted = commit.blocks.back()->last().value;
          if (!world.try_write(commit).ok()) break;
          acknowledged = attempted;
          const Checkpoint checkpoint{
              Sequence{acknowledged}, {{"a", std::to_string(acknowledged)}}, {}};
          if (i % 2 == 1 && world.store->write_checkpoint(checkpoint).ok()) applied = acknowledged;
        }
      }
      world.crash(cut * 100 + seed);
      world.disk.fail_sync_after(std::nullopt);
      world.start();
      EXPECT_TRUE(world.summary.gaps.empty());
      EXPECT_TRUE(world.summary.chain_breaks.empty());
      EXPECT_GE(world.summary.applied.value, applied);
      EXPECT_GE(world.summary.last_sequence.value, acknowledged);
      EXPECT_LE(world.summary.last_sequence.value, std::max(attempted, acknowledged));
      EXPECT_EQ(world.summary.last_sequence.value % (2 * kRecordsPerBlock), 0U) << "half a commit";
      if (world.summary.applied.value > 0) {
        EXPECT_EQ(world.sink.rows.at("a"), std::to_string(world.summary.applied.value));
      }
      world.write(2);
      world.start();
      EXPECT_TRUE(world.summary.gaps.empty() && world.summary.chain_breaks.empty());
    }
  }
}

// Goal: a sync that fails once, and is told to nobody by LevelDB, is no reason to lose a name.
// Method: let the n-th sync of a life fail, go on as long as it lets us, cut the power, compare.
TEST(RecoveryCrash, WhatWasAcknowledgedSurvivesAPowerCutAfterAnySingleFailedSync) {
  for (std::uint64_t fails = 0; fails < 60; ++fails) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE("sync " + std::to_string(fails) + " seed " + std::to_string(seed));
      World world;
      world.disk.fail_one_sync_after(fails);
      std::uint64_t acknowledged = 0;
      std::uint64_t applied = 0;
      for (int i = 0; i < 6 && (i > 0 || world.try_start().ok()); ++i) {
        if (!world.try_write(world.make(2, i % 2 == 1)).ok()) break;
        acknowledged = world.next_base - 1;
        const Checkpoint checkpoint{Sequence{acknowledged}, {{"a", "1"}}, {}};
        if (i == 2 && world.store->write_checkpoint(checkpoint).ok()) applied = acknowledged;
      }
      world.crash(fails * 100 + seed);
      world.disk.fail_sync_after(std::nullopt);
      world.start();
      EXPECT_TRUE(world.summary.gaps.empty() && world.summary.quarantined.empty());
      EXPECT_GE(world.summary.last_sequence.value, acknowledged);
      EXPECT_GE(world.summary.applied.value, applied);
    }
  }
}

// Goal: no power cut during a salvage loses a block that was readable before it.
TEST(RecoveryCrash, APowerCutDuringSalvageLosesNothingMore) {
  for (std::uint64_t cut = 0; cut < 60; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    World world;
    world.start();
    for (int i = 0; i < 4; ++i) world.write(2);
    world.stop();
    const auto spot = world.find_on_disk(31);
    world.disk.flip_bit(spot.path, spot.offset, 0);
    world.disk.fail_sync_after(cut);
    static_cast<void>(world.try_start().ok());
    world.crash(cut);
    world.disk.fail_sync_after(std::nullopt);
    world.start();
    EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 41, 51, 61, 71}));
    EXPECT_EQ(world.summary.gaps, (Gaps{gap(31, 40)}));
  }
}

// Goal: a disk that lies about its syncs costs data, but what the witness remembers is named.
TEST(RecoveryCrash, ALyingDiskIsNamedOrUnknownButNeverGarbage) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world;
    world.start();
    world.write(2, true, true);
    world.disk.lie_about_sync(true);
    for (int i = 0; i < 5; ++i) world.write(2);
    world.crash(seed);
    world.disk.lie_about_sync(false);
    world.start();
    std::uint64_t covered = 0;
    for (const SharedBlock& block : world.sink.blocks) covered += block->record_count;
    for (const Gap& lost : world.summary.gaps) covered += lost.last.value - lost.first.value + 1;
    EXPECT_EQ(covered, world.summary.last_sequence.value);
    EXPECT_GE(covered, 20U);
  }
}

}  // namespace
}  // namespace capstan
