#include "capstan/journal/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::CollectingSink;
using journal_test::gap;
using journal_test::same;
using journal_test::sequences;
using journal_test::World;

TEST(JournalStore, AnEmptyDirectoryStartsAtTheBeginning) {
  World world;
  world.start();
  EXPECT_EQ(world.summary.applied, Sequence{0});
  EXPECT_EQ(world.summary.last_sequence, Sequence{0});
  EXPECT_EQ(world.summary.last_commit, CommitNumber{0});
  EXPECT_TRUE(world.summary.gaps.empty());
  EXPECT_TRUE(world.summary.segments.empty());
  EXPECT_FALSE(world.summary.state_from_snapshot);
}

TEST(JournalStore, WhatWasCommittedComesBackInOrder) {
  World world;
  world.start();
  std::vector<SharedBlock> written;
  for (std::size_t blocks = 1; blocks <= 5; ++blocks) {
    const Commit commit = world.make(blocks);
    written.insert(written.end(), commit.blocks.begin(), commit.blocks.end());
    ASSERT_TRUE(world.try_write(commit).ok());
  }
  world.start();
  ASSERT_EQ(world.sink.blocks.size(), written.size());
  for (std::size_t i = 0; i < written.size(); ++i)
    EXPECT_TRUE(same(*world.sink.blocks[i], *written[i]));
  EXPECT_EQ(world.summary.last_commit, CommitNumber{5});
  EXPECT_EQ(world.summary.last_sequence, written.back()->last());
  EXPECT_EQ(world.summary.id_time_ceiling_ns, 1'000'005U);
  EXPECT_TRUE(world.summary.gaps.empty());
  EXPECT_TRUE(world.summary.chain_breaks.empty());
  EXPECT_EQ(world.summary.replayed_blocks, written.size());
}

TEST(JournalStore, CommitsGoOnAfterEveryOfManyStarts) {
  World world;
  for (int start = 0; start < 20; ++start) {
    world.start();
    EXPECT_EQ(world.sink.blocks.size(), static_cast<std::size_t>(start) * 2);
    EXPECT_TRUE(world.summary.gaps.empty() && world.summary.chain_breaks.empty());
    world.write(2, start % 6 == 5);
  }
}

TEST(JournalStore, MoreThanTheWriteBufferHoldsComesBack) {
  World world(std::size_t{64} << 10);
  world.start();
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(world.try_write(world.make(4, false, false, 20'000)).ok());
  world.start();
  EXPECT_EQ(world.sink.blocks.size(), 160U);
  EXPECT_TRUE(world.summary.gaps.empty());
}

TEST(JournalStore, BlocksAreReadByTheirBases) {
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

TEST(JournalStore, ABlockIsReadByAnySequenceThatItHolds) {
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

TEST(JournalStore, WhatWasNeverWrittenIsNotFound) {
  World world;
  world.start();
  world.write(3);
  for (const std::uint64_t base : {31U, 1000U}) {
    const auto blocks = world.store->read(sequences({base}));
    ASSERT_FALSE(blocks.ok()) << base;
    EXPECT_EQ(blocks.error().code, ErrorCode::kNotFound) << base;
  }
}

TEST(JournalStore, ManySealedSegmentsStayReadable) {
  World world;
  world.start();
  for (int i = 0; i < 30; ++i) world.write(1, true);
  for (std::uint64_t base = 1; base <= 291; base += 10) {
    EXPECT_TRUE(world.store->read(sequences({base})).ok()) << base;
  }
  EXPECT_EQ(world.store->segments().size(), 30U);
}

TEST(JournalStore, AfterACheckpointOnlyLaterBlocksAreReplayed) {
  World world;
  world.start();
  world.write(3);
  world.checkpoint(20, {{"a", "1"}, {"b", "2"}, {std::string("\0x", 2), "zero"}});
  world.checkpoint(20, {{"a", "3"}}, {"b"});
  world.start();
  EXPECT_EQ(world.summary.applied, Sequence{20});
  EXPECT_EQ(world.sink.rows,
            (std::map<std::string, std::string>{{"a", "3"}, {std::string("\0x", 2), "zero"}}));
  EXPECT_EQ(world.sink.bases(), (std::vector<std::uint64_t>{21}));
  EXPECT_FALSE(world.summary.state_from_snapshot);
  EXPECT_EQ(world.summary.last_sequence, Sequence{30});
}

TEST(JournalStore, ABlockThatTheCheckpointCutsInTwoIsReplayed) {
  World world;
  world.start();
  world.write(3);
  world.checkpoint(15, {{"a", "1"}});
  world.start();
  EXPECT_EQ(world.sink.bases(), (std::vector<std::uint64_t>{11, 21}));
}

TEST(JournalStore, WithEverythingInTheCheckpointNothingIsReplayed) {
  World world;
  world.start();
  world.write(3);
  world.write(2, true);
  world.checkpoint(50, {{"a", "1"}});
  world.start();
  EXPECT_TRUE(world.sink.blocks.empty());
  EXPECT_EQ(world.summary.last_sequence, Sequence{50});
  EXPECT_EQ(world.summary.last_commit, CommitNumber{2});
  world.write(1);
  world.start();
  EXPECT_TRUE(world.summary.chain_breaks.empty() && world.summary.gaps.empty());
  EXPECT_EQ(world.sink.bases(), (std::vector<std::uint64_t>{51}));
}

TEST(JournalStore, ADroppedSegmentIsGoneAndIsNoGap) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.write(2, true);
  world.checkpoint(60, {{"a", "1"}});
  const std::uint64_t before = world.store->bytes_on_disk();
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  EXPECT_LT(world.store->bytes_on_disk(), before);
  EXPECT_EQ(world.store->read(sequences({1})).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(world.store->drop_segment(Sequence{21}).ok());
  EXPECT_EQ(world.store->read(sequences({31})).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(world.store->read(sequences({41})).ok());
  for (const std::string& path : world.disk.files()) {
    EXPECT_EQ(path.find("00000000000000000001"), std::string::npos) << path;
  }
  world.start();
  EXPECT_TRUE(world.summary.gaps.empty());
  EXPECT_EQ(world.summary.segments, sequences({41}));
}

TEST(JournalStore, TheOpenSegmentIsNeverDropped) {
  World world;
  world.start();
  world.write(1);
  const Status dropped = world.store->drop_segment(Sequence{1});
  ASSERT_FALSE(dropped.ok());
  EXPECT_EQ(dropped.error().code, ErrorCode::kWrongState);
  EXPECT_TRUE(world.store->read(sequences({1})).ok());
}

TEST(JournalStore, AFailedSyncStopsItForGood) {
  World world;
  world.start();
  world.write(1);
  const Commit commit = world.make(2);
  world.disk.fail_sync_after(0);
  const Status failed = world.try_write(commit);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kIo);
  world.disk.fail_sync_after(std::nullopt);
  const Status again = world.try_write(commit);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().context, failed.error().context);
}

TEST(JournalStore, AFullDiskStopsItAndKeepsWhatWasCommitted) {
  World world;
  world.start();
  world.write(3);
  world.disk.full_after(world.disk.bytes_used() + 700);
  EXPECT_FALSE(world.try_write(world.make(3)).ok());
  world.disk.full_after(std::nullopt);
  world.start();
  EXPECT_EQ(world.sink.bases(), (std::vector<std::uint64_t>{1, 11, 21}));
  EXPECT_TRUE(world.summary.gaps.empty());
}

TEST(JournalStore, AFailedCheckpointLeavesCommitsAlone) {
  World world;
  world.start();
  world.write(2);
  world.disk.fail_sync_after(0);
  EXPECT_EQ(world.store->write_checkpoint({Sequence{10}, {{"a", "1"}}, {}}).error().code,
            ErrorCode::kIo);
  world.disk.fail_sync_after(std::nullopt);
  EXPECT_FALSE(world.store->write_checkpoint({Sequence{20}, {}, {}}).ok());
  world.write(1);
}

TEST(JournalStore, TheSecondOpenerIsRefused) {
  World world;
  world.start();
  const auto second = JournalStore::open(world.options);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kLocked);
}

// Goal: the same on a real disk, with its lock, witness, ballast and modes.
class RealDisk : public testing::Test {
 protected:
  RealDisk() : root_(std::filesystem::temp_directory_path() / "capstan-journal-XXXXXX") {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    options_.directory = root_ + "/data";
    options_.ballast_bytes = 1 << 16;
  }
  ~RealDisk() override { std::filesystem::remove_all(root_); }

  std::string root_;
  JournalOptions options_;
};

TEST_F(RealDisk, WhatWasCommittedComesBackAndTheHolderIsNamed) {
  {
    auto store = JournalStore::open(options_);
    ASSERT_TRUE(store.ok()) << store.error().text();
    CollectingSink nothing;
    ASSERT_TRUE((*store)->recover(nothing).ok());
    Commit commit;
    commit.number = CommitNumber{1};
    commit.opens_segment = true;
    commit.blocks = {journal_test::make_block(1), journal_test::make_block(11)};
    ASSERT_TRUE((*store)->commit(commit).ok());
    EXPECT_TRUE((*store)->ballast_held());
    EXPECT_EQ(std::filesystem::file_size(options_.directory + "/ballast"), options_.ballast_bytes);

    const auto second = JournalStore::open(options_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kLocked);
    EXPECT_NE(second.error().context.find("process " + std::to_string(::getpid())),
              std::string::npos);
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
    struct stat file {};
    ASSERT_EQ(::stat(entry.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 077U, 0U) << entry.path();
  }
  auto store = JournalStore::open(options_);
  ASSERT_TRUE(store.ok());
  CollectingSink sink;
  const auto summary = (*store)->recover(sink);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(sink.bases(), (std::vector<std::uint64_t>{1, 11}));
  EXPECT_TRUE(summary->gaps.empty());
  ASSERT_TRUE((*store)->release_ballast().ok());
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/ballast"));
}

// Goal: damage behind the checkpoint, which no start looks at, is measured when it is met.
TEST(StoreReads, ASealedSegmentThatDoesNotCheckIsReplacedAndTheLossIsExact) {
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

// A start turns the log of the open segment into a table; damage to that is not looked for.
TEST(StoreReads, DamageInTheOpenSegmentIsBetweenTheSoundBlocksAroundIt) {
  World world;
  world.start();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(world.try_write(world.make(1, false, false, 300)).ok());
  world.start();
  world.checkpoint(60, {{"a", "1"}});
  world.stop();
  const auto spot = world.find_on_disk(21);
  ASSERT_TRUE(spot.path.ends_with(".ldb"));
  world.disk.flip_bit(spot.path, spot.offset, 0);
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
TEST(StoreReads, DamageInATableOfTheOpenSegmentStopsNoCommit) {
  World world;
  world.start();
  world.write(2);
  for (int start = 0; start < 12; ++start) {
    world.start();
    ASSERT_TRUE(world.try_write(world.make(2)).ok()) << start;
    world.checkpoint(world.next_base - 1, {{"a", std::to_string(start)}});
    if (start != 0) continue;
    world.stop();
    const auto spot = world.find_on_disk(11);
    ASSERT_TRUE(spot.path.ends_with(".ldb"));
    world.disk.flip_bit(spot.path, spot.offset, 0);
  }
  EXPECT_TRUE(world.store->read(sequences({21, 31, 41})).ok());
  const ReadDone done = answer_read(*world.store, ReadId{1}, sequences({11}));
  EXPECT_EQ(done.lost, gap(1, 20));
}

TEST(StoreReads, ASealedSegmentThatDoesNotOpenIsReplacedWithoutLoss) {
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

// ---- Written ----

/// Whether the bytes of the block at `base` stand in a file, synced or not.
bool stands_in_a_file(const World& world, std::uint64_t base) {
  const ByteBuffer content = journal_test::pattern(base, 500);
  for (const std::string& path : world.disk.files()) {
    if (world.disk.content(path).find(as_text(content)) != std::string::npos) return true;
  }
  return false;
}

TEST(JournalStore, ACommitIsToldAsWrittenWhenTheOperatingSystemHasItAndBeforeTheSync) {
  World world;
  world.start();
  const Commit commit = world.make(2);
  bool told = false;
  const Status done = world.store->commit(commit, [&] {
    told = true;
    EXPECT_TRUE(stands_in_a_file(world, 1));
    EXPECT_TRUE(stands_in_a_file(world, 11));
    world.disk.fail_sync_after(0);
  });
  EXPECT_TRUE(told);
  EXPECT_FALSE(done.ok()) << "the sync comes after it";
}

TEST(JournalStore, WhatWasToldAsWrittenSurvivesTheProcessEvenWhenItsSyncFails) {
  World world;
  world.start();
  world.write(1);
  bool told = false;
  ASSERT_FALSE(world.store
                   ->commit(world.make(2),
                            [&] {
                              told = true;
                              world.disk.fail_sync_after(0);
                            })
                   .ok());
  ASSERT_TRUE(told);
  world.stop();
  world.disk.fail_sync_after(std::nullopt);
  world.start();
  EXPECT_EQ(world.summary.last_sequence, Sequence{30});
}

TEST(JournalStore, ACommitThatTheDiskDoesNotTakeIsNotToldAsWritten) {
  World world;
  world.start();
  world.write(1);
  world.disk.fail_writes(true);
  bool told = false;
  EXPECT_FALSE(world.store->commit(world.make(1), [&] { told = true; }).ok());
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace capstan
