#include "capstan/journal/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::CollectingSink;
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

TEST(JournalStore, AFailedCheckpointLeavesCommitsAloneAndIsWrittenWithTheNext) {
  World world;
  world.start();
  world.write(2);
  world.checkpoint(10, {{"a", "0"}, {"b", "0"}, {"c", "0"}});
  world.disk.fail_writes(true);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(
        world.store->write_checkpoint({Sequence{10}, {{"a", "1"}, {"d", "1"}}, {"b"}}).error().code,
        ErrorCode::kIo);
  }
  world.disk.fail_writes(false);
  world.write(1);
  world.checkpoint(30, {{"b", "2"}}, {"d"});
  world.checkpoint(30, {{"e", "3"}});
  world.start();
  EXPECT_EQ(world.summary.applied, Sequence{30});
  EXPECT_EQ(world.sink.rows,
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}, {"c", "0"}, {"e", "3"}}));
  EXPECT_TRUE(world.summary.quarantined.empty());
}

TEST(JournalStore, ACheckpointThatFailsOnceIsWrittenAgainAtOnce) {
  World world;
  world.start();
  world.write(2);
  world.disk.fail_one_sync_after(0);
  world.checkpoint(20, {{"a", "1"}});
  world.start();
  EXPECT_EQ(world.summary.applied, Sequence{20});
}

// Goal: rows of a change alone are never taken for the whole state.
TEST(JournalStore, AStateThatIsGoneIsNotContinuedAfterAFailedCheckpoint) {
  World world;
  world.start();
  world.write(2);
  world.checkpoint(10, {{"a", "1"}});
  world.disk.fail_sync_after(0);
  EXPECT_FALSE(world.store->write_checkpoint({Sequence{20}, {{"b", "1"}}, {}}).ok());
  world.disk.fail_sync_after(std::nullopt);
  for (const std::string& path : world.disk.files()) {
    if (path.rfind("/data/state/", 0) != 0) continue;
    ASSERT_TRUE(world.disk.RemoveFile(path).ok());
  }
  EXPECT_FALSE(world.store->write_checkpoint({Sequence{20}, {{"c", "1"}}, {}}).ok());
  EXPECT_FALSE(world.store->write_checkpoint({Sequence{20}, {{"c", "1"}}, {}}).ok());
  world.start();
  EXPECT_TRUE(world.sink.rows.empty());
  EXPECT_EQ(world.sink.bases(), (std::vector<std::uint64_t>{1, 11})) << "all of the WAL is there";
}

// Goal: what a replacement that failed has left never comes back as the segment.
TEST(JournalStore, WithASegmentGoesWhatAReplacementOfItHasLeft) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true, true);
  world.checkpoint(40, {{"a", "1"}});
  for (const char* left : {"rebuilt", "salvage"}) {
    const std::string path = std::string("/data/journal/00000000000000000001.") + left;
    ASSERT_TRUE(world.disk.CreateDir(path).ok());
    ASSERT_TRUE(leveldb::WriteStringToFile(&world.disk, "half", path + "/000003.log").ok());
  }
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  world.start();
  EXPECT_EQ(world.summary.segments, sequences({21}));
  EXPECT_TRUE(world.summary.gaps.empty());
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

/// The only table below `folder`, which a start has made of a log.
std::string table_below(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".ldb") return entry.path();
  }
  ADD_FAILURE() << "no table in " << folder;
  return {};
}

// Goal: file systems that lose bytes leave files without any; that is damage, and is repaired.
TEST_F(RealDisk, ATableWithoutAnyOctetIsDamageAndNamed) {
  {
    auto store = *JournalStore::open(options_);
    CollectingSink nothing;
    ASSERT_TRUE(store->recover(nothing).ok());
    Commit commit;
    commit.number = CommitNumber{1};
    commit.opens_segment = true;
    commit.blocks = {journal_test::make_block(1), journal_test::make_block(11)};
    ASSERT_TRUE(store->commit(commit).ok());
    ASSERT_TRUE(store->write_checkpoint({Sequence{10}, {{"a", "1"}}, {}}).ok());
  }
  {
    auto store = *JournalStore::open(options_);
    CollectingSink nothing;
    ASSERT_TRUE(store->recover(nothing).ok());
  }
  for (const char* folder : {"/journal", "/state"}) {
    std::filesystem::resize_file(table_below(options_.directory + folder), 0);
  }
  auto store = *JournalStore::open(options_);
  CollectingSink sink;
  const auto summary = store->recover(sink);
  ASSERT_TRUE(summary.ok()) << summary.error().text();
  EXPECT_EQ(summary->quarantined.size(), 2U);
  EXPECT_EQ(summary->gaps, (std::vector<Gap>{journal_test::gap(1, 20)}));
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
