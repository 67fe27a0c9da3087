// Reads of blocks, and what a read says of those that are not there.
#include "faulty_env.h"
#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::FaultyEnv;
using journal_test::gap;
using journal_test::same;
using journal_test::sequences;
using journal_test::World;

TEST(BlockLookup, BlocksAreReadByTheirBases) {
  World world;
  world.start();
  world.write(3);
  world.write(3, true);
  world.write(2);
  for (int round = 0; round < 2; ++round) {
    const auto blocks = world.store->read(sequences({71, 1, 11, 31}));
    ASSERT_TRUE(blocks.ok()) << blocks.error().text();
    ASSERT_EQ(blocks->size(), 4U);
    EXPECT_TRUE(same(*blocks->at(0), *journal_test::make_block(71)));
    EXPECT_TRUE(same(*blocks->at(1), *journal_test::make_block(1)));
    EXPECT_TRUE(same(*blocks->at(2), *journal_test::make_block(11)));
    EXPECT_TRUE(same(*blocks->at(3), *journal_test::make_block(31)));
    world.start();
  }
}

TEST(BlockLookup, ABlockIsReadByAnySequenceThatItHolds) {
  World world;
  world.start();
  world.write(3);
  world.write(2, true);
  for (std::uint64_t sequence = 1; sequence <= 50; ++sequence) {
    const auto blocks = world.store->read(sequences({sequence}));
    ASSERT_TRUE(blocks.ok()) << sequence << ": " << blocks.error().text();
    EXPECT_TRUE(same(*blocks->front(), *journal_test::make_block((sequence - 1) / 10 * 10 + 1)));
  }
}

TEST(BlockLookup, WhatWasNeverWrittenIsNotFound) {
  World world;
  world.start();
  world.write(3);
  for (const std::uint64_t base : {31U, 1000U}) {
    const auto blocks = world.store->read(sequences({base}));
    ASSERT_FALSE(blocks.ok()) << base;
    EXPECT_EQ(blocks.error().code, ErrorCode::kNotFound) << base;
  }
}

TEST(BlockLookup, ManySealedSegmentsStayReadable) {
  World world;
  world.start();
  for (int i = 0; i < 30; ++i) world.write(1, true);
  for (std::uint64_t base = 1; base <= 291; base += 10) {
    EXPECT_TRUE(world.store->read(sequences({base})).ok()) << base;
  }
  EXPECT_EQ(world.store->segments().size(), 30U);
}

// ---- Damage ----

// Goal: damage behind the checkpoint, which no start looks at, is measured when it is met.
TEST(BlockLookup, ASealedSegmentThatDoesNotCheckIsReplacedAndTheLossIsExact) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(40, {{"a", "1"}});
  world.stop();
  const auto spot = world.find_on_disk(11);
  world.disk.flip_bit(spot.path, spot.offset, 0);
  world.start();
  EXPECT_TRUE(world.summary.quarantined.empty());
  const auto lost = world.store->read(sequences({11}));
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, ErrorCode::kDamaged);
  EXPECT_NE(lost.error().context.find("11 to 20"), std::string::npos) << lost.error().context;
  EXPECT_EQ(world.store->lost_at(Sequence{11}), gap(11, 20));
  EXPECT_EQ(world.store->lost_at(Sequence{1}), std::nullopt);
  EXPECT_TRUE(world.store->read(sequences({1, 21, 31})).ok());
  const std::size_t files = world.disk.files().size();
  EXPECT_FALSE(world.store->read(sequences({11})).ok());
  EXPECT_EQ(world.disk.files().size(), files) << "once is enough";
}

// Goal: on a disk that is nearly full a damaged segment stops nothing: its replacement waits.
TEST(BlockLookup, ASealedSegmentIsReplacedWhenThereIsRoomForThatAndForTheReserve) {
  constexpr std::uint64_t kReserve = 100'000;
  World world;
  world.options.reserve_bytes = kReserve;
  world.start();
  for (int segment = 0; segment < 2; ++segment) {
    ASSERT_TRUE(world.try_write(world.make(2, true, false, 1200)).ok());
  }
  world.checkpoint(40, {{"a", "1"}});
  world.start();
  ASSERT_TRUE(world.store->read(sequences({1})).ok());
  world.stop();
  world.damage_table(11);
  world.start();
  ASSERT_TRUE(world.store->read(sequences({1})).ok());
  const std::uint64_t bytes = world.store->segments().front().bytes;
  world.disk.full_after(world.disk.bytes_used() + kReserve + bytes);
  const auto files = world.disk.files();
  for (int again = 0; again < 2; ++again) {
    const auto blocks = world.store->read(sequences({11}));
    ASSERT_FALSE(blocks.ok());
    EXPECT_EQ(blocks.error().code, ErrorCode::kIo);
    EXPECT_NE(blocks.error().context.find("free"), std::string::npos) << blocks.error().context;
    EXPECT_EQ(world.disk.files(), files);
  }
  EXPECT_TRUE(world.store->read(sequences({1, 21})).ok());
  world.write(1);
  world.disk.full_after(world.disk.bytes_used() + kReserve + 5 * bytes);
  EXPECT_EQ(world.store->read(sequences({11})).error().code, ErrorCode::kDamaged);
  EXPECT_EQ(world.store->lost_at(Sequence{11}), gap(11, 20));
}

// A start turns the log of the open segment into a table; damage to that is not looked for.
TEST(BlockLookup, DamageInTheOpenSegmentIsBetweenTheSoundBlocksAroundIt) {
  World world;
  world.start();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.try_write(world.make(1, false, false, 300)).ok());
  world.start();
  world.checkpoint(60, {{"a", "1"}});
  world.stop();
  world.damage_table(21);
  world.start();
  world.write(1);
  EXPECT_EQ(world.store->lost_at(Sequence{61}), std::nullopt);
  // Three of these blocks share one checksum of LevelDB's.
  for (const std::uint64_t base : {1U, 11U, 21U}) {
    const ReadDone done = answer_read(*world.store, ReadId{7}, sequences({base}));
    ASSERT_TRUE(done.error) << base;
    EXPECT_EQ(done.error->code, ErrorCode::kDamaged);
    EXPECT_EQ(done.lost, gap(1, 30)) << base;
  }
  const ReadDone sound = answer_read(*world.store, ReadId{8}, sequences({31, 61}));
  EXPECT_FALSE(sound.error);
  EXPECT_EQ(sound.blocks.size(), 2U);
  EXPECT_EQ(sound.lost, std::nullopt);
}

// Goal: LevelDB, whose writes end for good when its joining of tables meets damage, never joins
// those of a segment: their keys do not overlap, so that it moves them as they are.
// Method: every start adds a table to the open segment, until LevelDB wants fewer of them.
TEST(BlockLookup, DamageInATableOfTheOpenSegmentStopsNoCommit) {
  World world;
  world.start();
  world.write(2);
  for (int start = 0; start < 12; ++start) {
    world.start();
    ASSERT_TRUE(world.try_write(world.make(2)).ok()) << start;
    world.checkpoint(world.next_base - 1, {{"a", std::to_string(start)}});
    if (start != 0) continue;
    world.stop();
    world.damage_table(11);
  }
  EXPECT_TRUE(world.store->read(sequences({21, 31, 41})).ok());
  const ReadDone done = answer_read(*world.store, ReadId{1}, sequences({11}));
  EXPECT_EQ(done.lost, gap(1, 20));
}

/// Two sealed segments 1–20 and 21–40, and the open one; block 11 is damaged, and no start looks.
void damage_behind_the_checkpoint(World& world) {
  world.start();
  world.write(2);
  world.write(2, true);
  world.write(1, true);
  world.checkpoint(50, {{"a", "1"}});
  world.stop();
  const auto spot = world.find_on_disk(11);
  world.disk.flip_bit(spot.path, spot.offset, 0);
}

void expect_that_only_11_is_lost(World& world) {
  const auto sound = world.store->read(sequences({1, 21, 31, 41}));
  EXPECT_TRUE(sound.ok()) << sound.error().text();
  const auto lost = world.store->read(sequences({11}));
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().code, ErrorCode::kDamaged) << lost.error().text();
  EXPECT_EQ(world.store->lost_at(Sequence{11}), gap(11, 20));
}

// Goal: a replacement in which any one sync fails is finished by a later read, or by a start.
TEST(BlockLookup, AReplacementInWhichASyncFailsIsFinishedLaterAndCostsNothing) {
  std::size_t failed = 0;
  for (std::uint64_t fails = 0; fails < 40; ++fails) {
    for (const bool restarts : {false, true}) {
      SCOPED_TRACE("sync " + std::to_string(fails) + (restarts ? " restart" : ""));
      World world;
      damage_behind_the_checkpoint(world);
      world.start();
      world.disk.fail_one_sync_after(fails);
      const auto first = world.store->read(sequences({11}));
      ASSERT_FALSE(first.ok());
      if (first.error().code == ErrorCode::kIo) ++failed;
      world.disk.fail_sync_after(std::nullopt);
      if (restarts) world.start();
      expect_that_only_11_is_lost(world);
      world.start();
      expect_that_only_11_is_lost(world);
      EXPECT_TRUE(world.summary.gaps.empty());
    }
  }
  EXPECT_GT(failed, 20U);
}

// Goal: what stands in the way of a replacement is an error of the disk, and no loss.
TEST(BlockLookup, AReplacementThatTheDiskDoesNotAllowIsNoLoss) {
  struct Fault {
    std::string FaultyEnv::*of;
    const char* path;
  };
  for (const Fault& fault :
       {Fault{&FaultyEnv::directories, ".salvage"}, Fault{&FaultyEnv::directories, ".rebuilt"},
        Fault{&FaultyEnv::reads, ".salvage/000003.log"}}) {
    SCOPED_TRACE(fault.path);
    World world;
    FaultyEnv& faulty = world.with_faults();
    damage_behind_the_checkpoint(world);
    world.start();
    faulty.*fault.of = fault.path;
    const ReadDone done = answer_read(*world.store, ReadId{1}, sequences({11}));
    ASSERT_TRUE(done.error);
    EXPECT_EQ(done.error->code, ErrorCode::kIo) << done.error->text();
    EXPECT_EQ(done.lost, std::nullopt);
    (faulty.*fault.of).clear();
    expect_that_only_11_is_lost(world);
  }
}

// Goal: the same where the segment is open already, and its files cannot be copied, or the copies
// not be read.
TEST(BlockLookup, ASegmentWhoseFilesCannotBeCopiedIsNoLoss) {
  World world;
  FaultyEnv& faulty = world.with_faults();
  world.start();
  for (int segment = 0; segment < 2; ++segment) {
    ASSERT_TRUE(world.try_write(world.make(2, segment > 0, false, 1200)).ok());
  }
  world.checkpoint(40, {{"a", "1"}});
  ASSERT_TRUE(world.store->read(sequences({1})).ok());
  world.start();
  ASSERT_TRUE(world.store->read(sequences({1})).ok());
  world.stop();
  const std::string table = world.damage_table(11);
  world.start();
  ASSERT_TRUE(world.store->read(sequences({1})).ok());
  faulty.vanished = "/00000000000000000001/";
  EXPECT_EQ(world.store->read(sequences({11})).error().code, ErrorCode::kIo);
  faulty.vanished.clear();
  faulty.reads = ".salvage" + table.substr(table.rfind('/'));
  EXPECT_EQ(world.store->read(sequences({11})).error().code, ErrorCode::kIo);
  faulty.reads.clear();
  EXPECT_EQ(world.store->read(sequences({11})).error().code, ErrorCode::kDamaged);
  EXPECT_EQ(world.store->lost_at(Sequence{11}), gap(11, 20));
}

TEST(BlockLookup, ASealedSegmentThatDoesNotOpenIsReplacedWithoutLoss) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(40, {{"a", "1"}});
  world.stop();
  ASSERT_TRUE(world.disk.RemoveFile("/data/journal/00000000000000000001/CURRENT").ok());
  world.start();
  EXPECT_TRUE(world.store->read(sequences({1, 11, 21})).ok());
}

}  // namespace
}  // namespace capstan
