// Thinned copies of segments, through JournalStore: FORMAT.md §10.
#include "cold_store.h"

#include <utility>

#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::gap;
using journal_test::make_block;
using journal_test::same;
using journal_test::sequences;
using journal_test::World;

/// Segments 1–40, 41–80, 81–120 and the open one from 121 on, each of four blocks; a snapshot
/// stands at the head of the last.
void fill(World& world) {
  world.start();
  world.write(4);
  world.write(4, true);
  world.write(4, true);
  world.write(4, true, true);
  world.checkpoint(160, {{"a", "1"}});
}

/// Half of the octets of the block at `base`: for the journal, a block is a block.
SharedBlock thinned(std::uint64_t base) { return make_block(base, 250); }

Status copy(World& world, std::uint64_t segment, const std::vector<std::uint64_t>& bases,
            bool begins = true) {
  ColdPart part{Sequence{segment}, begins, {}};
  for (const std::uint64_t base : bases) part.blocks.push_back(thinned(base));
  return world.store->store_cold(part);
}

bool is_thinned(World& world, std::uint64_t sequence, std::uint64_t base) {
  const auto blocks = world.store->read(sequences({sequence}));
  return blocks && same(*blocks->front(), *thinned(base));
}

ErrorCode read_error(World& world, std::uint64_t sequence) {
  const auto blocks = world.store->read(sequences({sequence}));
  return blocks ? ErrorCode::kOk : blocks.error().code;
}

TEST(ColdStore, ASegmentIsReadItselfUntilItIsDroppedAndThenItsCopy) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {51}).ok());
  ASSERT_TRUE(copy(world, 41, {71}, false).ok());
  EXPECT_TRUE(world.store->read(sequences({41, 51, 61, 71})).ok());
  EXPECT_FALSE(is_thinned(world, 51, 51));
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  for (int start = 0; start < 2; ++start) {
    EXPECT_TRUE(is_thinned(world, 51, 51));
    EXPECT_TRUE(is_thinned(world, 80, 71)) << "by any of its sequences";
    EXPECT_EQ(read_error(world, 41), ErrorCode::kNotFound) << "left out, not lost";
    EXPECT_EQ(read_error(world, 61), ErrorCode::kNotFound);
    EXPECT_TRUE(world.store->read(sequences({1, 31, 81, 121})).ok());
    world.start();
    EXPECT_TRUE(world.summary.gaps.empty() && world.summary.quarantined.empty());
  }
}

TEST(ColdStore, ASegmentInTheMiddleIsDroppedAndIsNoGap) {
  World world;
  fill(world);
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}).ok());
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(read_error(world, 55), ErrorCode::kNotFound);
    EXPECT_TRUE(world.store->read(sequences({1, 31, 81, 121})).ok());
    world.start();
    EXPECT_TRUE(world.summary.gaps.empty() && world.summary.quarantined.empty());
  }
  EXPECT_EQ(world.summary.cold, (std::vector<Gap>{gap(41, 80)}));
}

TEST(ColdStore, DroppedRangesThatAdjoinBecomeOne) {
  World world;
  fill(world);
  ASSERT_TRUE(world.store->drop_segment(Sequence{81}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  world.start();
  EXPECT_EQ(world.summary.cold, (std::vector<Gap>{gap(1, 120)}));
  EXPECT_EQ(world.summary.segments, sequences({121}));
}

TEST(ColdStore, ACopyGoesWhenNothingInItIsNeeded) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {51, 71}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}).ok());
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(read_error(world, 51), ErrorCode::kNotFound);
    EXPECT_EQ(read_error(world, 75), ErrorCode::kNotFound);
    world.start();
    EXPECT_TRUE(world.summary.gaps.empty());
  }
}

TEST(ColdStore, WhatAnUnfinishedCopyLeftIsReplacedByTheNext) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {41, 51}).ok());
  world.start();
  ASSERT_TRUE(copy(world, 41, {71}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  EXPECT_TRUE(is_thinned(world, 71, 71));
  EXPECT_EQ(read_error(world, 41), ErrorCode::kNotFound);
  EXPECT_EQ(read_error(world, 51), ErrorCode::kNotFound);
}

TEST(ColdStore, ASegmentWithoutItsCopyStays) {
  World world;
  fill(world);
  EXPECT_EQ(world.store->drop_segment(Sequence{41}, Keep::kCold).error().code, ErrorCode::kDamaged);
  EXPECT_TRUE(world.store->read(sequences({41, 71})).ok());
  EXPECT_EQ(copy(world, 121, {121}).error().code, ErrorCode::kWrongState) << "it is open";
  EXPECT_EQ(copy(world, 55, {55}).error().code, ErrorCode::kWrongState);
}

TEST(ColdStore, ACheckOfEverythingReadsTheCopyInItsPlace) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {51, 71}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  world.stop();
  auto store = JournalStore::open(world.options);
  ASSERT_TRUE(store.ok());
  journal_test::CollectingSink sink;
  const auto summary = (*store)->recover(sink, Replay::kEverything);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(sink.bases(),
            (std::vector<std::uint64_t>{51, 71, 81, 91, 101, 111, 121, 131, 141, 151}));
  EXPECT_TRUE(summary->gaps.empty() && summary->chain_breaks.empty());
}

TEST(ColdStore, NoSnapshotCountsThatStandsBeforeADroppedSegment) {
  World world;
  world.start();
  world.write(2, false, true);
  world.write(2, true);
  world.write(2, true, true);
  world.checkpoint(60, {{"a", "1"}});
  ASSERT_TRUE(world.store->drop_segment(Sequence{21}).ok());
  world.stop();
  const auto spot = world.find_on_disk(41);
  world.disk.flip_bit(spot.path, spot.offset, 0);
  for (const std::string& path : world.disk.files()) {
    if (path.rfind("/data/state", 0) != 0) continue;
    ASSERT_TRUE(world.disk.RemoveFile(path).ok());
  }
  EXPECT_EQ(world.try_start().error().code, ErrorCode::kDamaged);
}

TEST(ColdStore, AfterAWriteThatFailedTheNextOneSucceeds) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {51}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  world.disk.fail_sync_after(0);
  EXPECT_EQ(copy(world, 81, {91}).error().code, ErrorCode::kIo);
  EXPECT_TRUE(is_thinned(world, 51, 51));
  EXPECT_EQ(copy(world, 81, {91}).error().code, ErrorCode::kIo);
  EXPECT_TRUE(is_thinned(world, 51, 51)) << "it can be read as long as the disk fails";
  world.disk.fail_sync_after(std::nullopt);
  ASSERT_TRUE(copy(world, 81, {91}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{81}, Keep::kCold).ok());
  EXPECT_TRUE(is_thinned(world, 51, 51) && is_thinned(world, 91, 91));
}

// ---- Damage ----

TEST(ColdStore, ADamagedCopyCostsItsBlockAndNamesIt) {
  World world;
  fill(world);
  ASSERT_TRUE(copy(world, 41, {51, 61, 71}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  world.stop();
  const auto spot = world.find_on_disk(61, "/data/cold");
  world.disk.flip_bit(spot.path, spot.offset, 3);
  for (int start = 0; start < 2; ++start) {
    world.start();
    EXPECT_EQ(read_error(world, 65), ErrorCode::kDamaged);
    EXPECT_EQ(world.store->lost_at(Sequence{65}), gap(61, 70));
    EXPECT_TRUE(is_thinned(world, 51, 51));
    EXPECT_TRUE(is_thinned(world, 71, 71));
    EXPECT_EQ(read_error(world, 41), ErrorCode::kNotFound);
  }
}

SharedBlock large(std::uint64_t base) { return make_block(base, 1500); }

bool is_large(World& world, std::uint64_t base) {
  const auto blocks = world.store->read(sequences({base}));
  return blocks && same(*blocks->front(), *large(base));
}

Status copy_large(World& world, std::uint64_t segment, std::uint64_t base, bool begins) {
  return world.store->store_cold({Sequence{segment}, begins, {large(base)}});
}

// Goal: damage that LevelDB meets when it joins tables, after which it takes no more writes, is
// repaired, and copies go on. Method: every start makes a table; four of them are joined.
TEST(ColdStore, DamageInATableThatIsJoinedIsRepairedAndCopiesGoOn) {
  World world;
  fill(world);
  bool begins = true;
  for (const std::uint64_t base : {41U, 51U, 61U}) {
    ASSERT_TRUE(copy_large(world, 41, base, std::exchange(begins, false)).ok());
    world.start();
  }
  world.stop();
  world.damage_table(51, "/data/cold");
  world.start();
  ASSERT_TRUE(copy_large(world, 41, 71, false).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  world.start();
  ASSERT_TRUE(copy_large(world, 81, 91, true).ok());
  ASSERT_TRUE(copy_large(world, 81, 101, false).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{81}, Keep::kCold).ok());
  for (int start = 0; start < 2; ++start) {
    for (const std::uint64_t base : {41U, 61U, 71U, 91U, 101U}) {
      EXPECT_TRUE(is_large(world, base)) << base;
    }
    EXPECT_EQ(read_error(world, 51), ErrorCode::kDamaged);
    EXPECT_EQ(world.store->lost_at(Sequence{51}), gap(51, 60));
    world.start();
  }
}

/// Copies of 51, 61 and 71, of which that of 61 is damaged; the store is open.
void damage_a_copy(World& world) {
  fill(world);
  bool begins = true;
  for (const std::uint64_t base : {51U, 61U, 71U}) {
    ASSERT_TRUE(copy_large(world, 41, base, std::exchange(begins, false)).ok());
  }
  ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  world.start();
  world.stop();
  world.damage_table(61, "/data/cold");
  world.start();
}

TEST(ColdStore, ADamagedCopyIsReplacedWhenThereIsRoom) {
  World world;
  damage_a_copy(world);
  world.disk.full_after(world.disk.bytes_used() + 5000);
  const auto files = world.disk.files();
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(read_error(world, 65), ErrorCode::kIo);
    EXPECT_TRUE(is_large(world, 51) && is_large(world, 71));
    EXPECT_EQ(world.disk.files(), files);
  }
  world.disk.full_after(std::nullopt);
  EXPECT_EQ(read_error(world, 65), ErrorCode::kDamaged);
  EXPECT_TRUE(is_large(world, 51) && is_large(world, 71));
}

// Goal: a replacement in which any one sync fails is finished by a later read, or by a start.
TEST(ColdStore, AReplacementInWhichASyncFailsIsFinishedLaterAndCostsNothing) {
  std::size_t failed = 0;
  for (std::uint64_t fails = 0; fails < 40; ++fails) {
    for (const bool restarts : {false, true}) {
      SCOPED_TRACE("sync " + std::to_string(fails) + (restarts ? " restart" : ""));
      World world;
      damage_a_copy(world);
      world.disk.fail_one_sync_after(fails);
      if (read_error(world, 61) == ErrorCode::kIo) ++failed;
      world.disk.fail_sync_after(std::nullopt);
      if (restarts) world.start();
      EXPECT_TRUE(copy_large(world, 81, 91, true).ok());
      for (int start = 0; start < 2; ++start) {
        EXPECT_EQ(read_error(world, 61), ErrorCode::kDamaged);
        EXPECT_EQ(world.store->lost_at(Sequence{61}), gap(61, 70));
        EXPECT_TRUE(is_large(world, 51) && is_large(world, 71));
        world.start();
      }
    }
  }
  EXPECT_GT(failed, 15U);
}

// Goal: whatever bit of cold/ is flipped, what was kept is read as it was, or named as lost.
TEST(ColdStore, AnyFlippedBitLeavesEveryBlockReadOrNamed) {
  World truth;
  fill(truth);
  ASSERT_TRUE(copy(truth, 41, {51, 71}).ok());
  ASSERT_TRUE(truth.store->drop_segment(Sequence{41}, Keep::kCold).ok());
  truth.start();  // The log becomes a table.
  ASSERT_TRUE(copy(truth, 81, {91}).ok());
  ASSERT_TRUE(truth.store->drop_segment(Sequence{81}, Keep::kCold).ok());
  truth.stop();
  std::size_t losses = 0;
  std::size_t sound = 0;
  std::uint64_t skip = 0;
  for (const std::string& path : truth.disk.files()) {
    if (path.rfind("/data/cold", 0) != 0) continue;
    const std::uint64_t bits = truth.disk.content(path).size() * 8;
    for (std::uint64_t bit = skip; bit < bits; bit += 41) {
      SCOPED_TRACE(path + " bit " + std::to_string(bit));
      World world;
      world.disk.copy_from(truth.disk);
      world.disk.flip_bit(path, bit / 8, static_cast<unsigned>(bit % 8));
      world.start();
      EXPECT_TRUE(world.summary.gaps.empty());
      for (const std::uint64_t base : {51U, 71U, 91U}) {
        if (is_thinned(world, base, base)) {
          ++sound;
          continue;
        }
        ++losses;
        const ErrorCode code = read_error(world, base);
        ASSERT_TRUE(code == ErrorCode::kDamaged || code == ErrorCode::kNotFound);
        const auto lost = world.store->lost_at(Sequence{base});
        ASSERT_TRUE(lost && lost->first.value <= base && lost->last.value >= base + 9);
        EXPECT_LT(lost->last.value, 121U);
      }
      EXPECT_TRUE(world.store->read(sequences({1, 31, 121})).ok());
    }
    skip = (skip + 7) % 41;
  }
  EXPECT_GT(losses, 0U);
  EXPECT_GT(sound, losses);
}

// Goal: a power cut at every sync of copy and drop keeps the segment or its whole copy.
TEST(ColdStore, APowerCutAtEverySyncKeepsTheSegmentOrItsCopy) {
  std::size_t kept_segments = 0;
  std::size_t kept_copies = 0;
  for (std::uint64_t cut = 0; cut < 40; ++cut) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE("cut " + std::to_string(cut) + " seed " + std::to_string(seed));
      World world;
      fill(world);
      world.disk.fail_sync_after(cut);
      const bool copied = copy(world, 41, {51}).ok() && copy(world, 41, {71}, false).ok();
      if (copied) (void)world.store->drop_segment(Sequence{41}, Keep::kCold).ok();
      world.crash(cut * 10 + seed);
      world.disk.fail_sync_after(std::nullopt);
      world.start();
      EXPECT_TRUE(world.summary.gaps.empty());
      const bool whole = world.store->read(sequences({41, 51, 61, 71})).ok();
      const bool cold = is_thinned(world, 51, 51) && is_thinned(world, 71, 71);
      EXPECT_TRUE(whole || (copied && cold));
      ++(whole ? kept_segments : kept_copies);
      // The start's hub goes on with what it finds.
      const Status again = whole ? copy(world, 41, {51, 71}) : Status();
      ASSERT_TRUE(again.ok());
      ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
      EXPECT_TRUE(is_thinned(world, 51, 51) && is_thinned(world, 71, 71));
    }
  }
  EXPECT_GT(kept_segments, 0U);
  EXPECT_GT(kept_copies, 0U);
}

TEST(ColdStore, ADropFromColdSurvivesAPowerCutAtEverySync) {
  for (std::uint64_t cut = 0; cut < 8; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    World world;
    fill(world);
    ASSERT_TRUE(copy(world, 41, {51, 71}).ok());
    ASSERT_TRUE(world.store->drop_segment(Sequence{41}, Keep::kCold).ok());
    world.disk.fail_sync_after(cut);
    (void)world.store->drop_segment(Sequence{41}).ok();
    world.crash(cut);
    world.disk.fail_sync_after(std::nullopt);
    world.start();
    EXPECT_TRUE(world.summary.gaps.empty() && world.summary.quarantined.empty());
    ASSERT_TRUE(world.store->drop_segment(Sequence{41}).ok());
    EXPECT_EQ(read_error(world, 51), ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace capstan
