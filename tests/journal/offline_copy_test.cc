#include "capstan/journal/offline_copy.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "journal_world.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;
using journal_test::CollectingSink;
using journal_test::make_block;

JournalOptions options_of(const std::string& directory) {
  JournalOptions options;
  options.directory = directory;
  options.ballast_bytes = 4096;
  return options;
}

/// A journal on the real disk with three blocks in two segments.
void make_journal(const std::string& directory) {
  auto store = JournalStore::open(options_of(directory));
  ASSERT_TRUE(store.ok()) << store.error().text();
  CollectingSink sink;
  ASSERT_TRUE((*store)->recover(sink).ok());
  for (std::uint64_t number = 1; number <= 3; ++number) {
    Commit commit;
    commit.number = CommitNumber{number};
    commit.opens_segment = number != 2;
    commit.blocks = {make_block((number - 1) * 10 + 1)};
    ASSERT_TRUE((*store)->commit(commit).ok());
  }
}

/// Every file with its content and the time it was changed.
std::map<std::string, std::pair<std::string, fs::file_time_type>> contents(const fs::path& root) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    found[entry.path().string()] = {std::move(bytes), entry.last_write_time()};
  }
  return found;
}

TEST(OfflineCopy, TheCopyIsReadWholeAndTheOriginalStaysAsItIs) {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "data").string();
  make_journal(data);
  const auto before = contents(data);
  fs::path place;
  {
    const auto copy = OfflineCopy::make(data, folder.path().string());
    ASSERT_TRUE(copy.ok()) << copy.error().text();
    place = (*copy)->directory();
    EXPECT_EQ(fs::status(place).permissions(), fs::perms::owner_all);
    EXPECT_FALSE(fs::exists(place / "ballast"));
    auto store = JournalStore::open(options_of(place.string()));
    ASSERT_TRUE(store.ok());
    CollectingSink sink;
    const auto summary = (*store)->recover(sink, Replay::kEverything);
    ASSERT_TRUE(summary.ok());
    EXPECT_EQ(sink.bases(), (std::vector<std::uint64_t>{1, 11, 21}));
    EXPECT_EQ(summary->witness, WitnessVerdict::kAgrees);
  }
  EXPECT_FALSE(fs::exists(place)) << "the copy goes with its object";
  EXPECT_EQ(contents(data), before);
}

TEST(OfflineCopy, WhatWasSetAsideIsNotCopied) {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "data").string();
  make_journal(data);
  const fs::path aside = fs::path(data) / "journal/00000000000000000001.quarantined-1";
  fs::create_directory(aside);
  std::ofstream(aside / "large") << "x";
  const auto copy = OfflineCopy::make(data, folder.path().string());
  ASSERT_TRUE(copy.ok()) << copy.error().text();
  EXPECT_FALSE(fs::exists(fs::path((*copy)->directory()) / "journal" / aside.filename()));
}

// The lock is one of processes: the holder has to be another one.
TEST(OfflineCopy, AHeldJournalIsRefusedAndTheHolderIsNamed) {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "data").string();
  make_journal(data);
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto store = JournalStore::open(options_of(data));
    const char answer = store.ok() ? 'y' : 'n';
    char end = 0;
    (void)!::write(ready[1], &answer, 1);
    (void)!::read(done[0], &end, 1);
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto copy = OfflineCopy::make(data, folder.path().string());
  ASSERT_FALSE(copy.ok());
  EXPECT_EQ(copy.error().code, ErrorCode::kLocked);
  EXPECT_NE(copy.error().context.find("process " + std::to_string(holder)), std::string::npos)
      << copy.error().context;
  ASSERT_EQ(::write(done[1], "x", 1), 1);
  ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
}

TEST(OfflineCopy, AFolderWithoutJournalIsNotFound) {
  const TemporaryFolder folder;
  const auto copy = OfflineCopy::make(folder.path().string(), folder.path().string());
  ASSERT_FALSE(copy.ok());
  EXPECT_EQ(copy.error().code, ErrorCode::kNotFound);
}

// A file with a hole is as large as the disk and costs nothing.
TEST(OfflineCopy, TooLittleRoomIsToldBeforeAnythingIsCopied) {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "data").string();
  make_journal(data);
  const fs::path huge = fs::path(data) / "journal/00000000000000000001/999999.ldb";
  std::ofstream(huge) << "x";
  fs::resize_file(huge, fs::space(data).available + (1 << 20));
  const auto copy = OfflineCopy::make(data, folder.path().string());
  ASSERT_FALSE(copy.ok());
  EXPECT_EQ(copy.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(copy.error().context.find("--scratch"), std::string::npos) << copy.error().context;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_EQ(entry.path().filename(), "data") << "nothing is left behind";
  }
}

}  // namespace
}  // namespace capstan
