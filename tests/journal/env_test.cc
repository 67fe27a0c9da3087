#include "env.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "memory_env.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

/// A disk whose files keep what is appended in the process until they are flushed, and which notes
/// what has left the process.
class BufferingEnv final : public leveldb::EnvWrapper {
 public:
  explicit BufferingEnv(leveldb::Env& target) : EnvWrapper(&target) {}

  class File final : public leveldb::WritableFile {
   public:
    explicit File(std::string& handed_over) : handed_over_(handed_over) {}
    leveldb::Status Append(const leveldb::Slice& data) override {
      buffer_ += data.ToString();
      return leveldb::Status::OK();
    }
    leveldb::Status Close() override { return leveldb::Status::OK(); }
    leveldb::Status Flush() override {
      handed_over_ += std::exchange(buffer_, {});
      return leveldb::Status::OK();
    }
    leveldb::Status Sync() override { return Flush(); }

   private:
    std::string& handed_over_;
    std::string buffer_;
  };

  leveldb::Status NewWritableFile(const std::string&, leveldb::WritableFile** file) override {
    *file = new File(handed_over);
    return leveldb::Status::OK();
  }

  std::string handed_over;
};

struct AnnouncedLog {
  AnnouncedLog() {
    leveldb::WritableFile* made = nullptr;
    EXPECT_TRUE(env.NewWritableFile("/segment/000003.log", &made).ok());
    file.reset(made);
  }

  MemoryEnv disk;
  BufferingEnv buffering{disk};
  JournalEnv env{buffering, Background::kInline};
  std::unique_ptr<leveldb::WritableFile> file;
};

TEST(JournalEnv, ASyncIsAnnouncedWhenAllBytesHaveLeftTheProcess) {
  AnnouncedLog log;
  std::string seen;
  log.env.announce_sync("/segment", [&] { seen = log.buffering.handed_over; });
  ASSERT_TRUE(log.file->Append("every byte").ok());
  EXPECT_EQ(seen, "");
  ASSERT_TRUE(log.file->Sync().ok());
  EXPECT_EQ(seen, "every byte");
}

TEST(JournalEnv, ASyncIsAnnouncedOnceAndInItsDirectoryAlone) {
  AnnouncedLog log;
  int elsewhere = 0;
  log.env.announce_sync("/state", [&] { ++elsewhere; });
  ASSERT_TRUE(log.file->Sync().ok());
  EXPECT_EQ(elsewhere, 0);
  int here = 0;
  log.env.announce_sync("/segment", [&] { ++here; });
  ASSERT_TRUE(log.file->Sync().ok());
  ASSERT_TRUE(log.file->Sync().ok());
  EXPECT_EQ(here, 1);
  log.env.announce_sync("/segment", [&] { ++here; });
  log.env.announce_sync("/segment", {});
  ASSERT_TRUE(log.file->Sync().ok());
  EXPECT_EQ(here, 1);
}

TEST(JournalEnv, AnAnnouncementIsTakenBackInItsDirectoryAlone) {
  AnnouncedLog log;
  int here = 0;
  log.env.announce_sync("/segment", [&] { ++here; });
  log.env.announce_sync("/cold", {});
  ASSERT_TRUE(log.file->Sync().ok());
  EXPECT_EQ(here, 1);
}

// ---- Tables on the real disk ----

constexpr std::size_t kTableBytes = 64 * 1024;

/// Real files of 64 KiB, read as tables are.
class RealTables : public testing::Test {
 protected:
  std::string make(const std::string& name) {
    const std::string path = folder_ / name;
    std::ofstream(path) << std::string(kTableBytes, name.front());
    return path;
  }
  std::unique_ptr<leveldb::RandomAccessFile> open(JournalEnv& env, const std::string& path) {
    leveldb::RandomAccessFile* file = nullptr;
    EXPECT_TRUE(env.NewRandomAccessFile(path, &file).ok());
    return std::unique_ptr<leveldb::RandomAccessFile>(file);
  }
  leveldb::Status read(const leveldb::RandomAccessFile& file, std::uint64_t offset) {
    scratch_.assign(100, '.');
    return file.Read(offset, scratch_.size(), &piece_, scratch_.data());
  }

  const TemporaryFolder folder_;
  PosixDirectorySync names_;
  std::string scratch_;
  leveldb::Slice piece_;
};

// Goal: what a disk cannot give ends a read, and not the process. Method: a file that loses its end
// while it is open; mapped into memory, it would be a SIGBUS.
TEST_F(RealTables, WhatCannotBeReadIsAnErrorAndNotTheEndOfTheProcess) {
  JournalEnv env(names_);
  const std::string path = make("a.ldb");
  const auto table = open(env, path);
  ASSERT_TRUE(read(*table, 40'000).ok());
  EXPECT_EQ(piece_.ToString(), std::string(100, 'a'));
  EXPECT_TRUE(read(*table, kTableBytes - 99).IsCorruption());
  std::filesystem::resize_file(path, 5'000);
  EXPECT_TRUE(read(*table, 40'000).IsCorruption());
  EXPECT_TRUE(read(*table, 4'000).ok());
}

TEST_F(RealTables, AFileWithoutAnyOctetIsDamage) {
  JournalEnv env(names_);
  const std::string path = make("a.ldb");
  std::filesystem::resize_file(path, 0);
  leveldb::RandomAccessFile* file = nullptr;
  EXPECT_TRUE(env.NewRandomAccessFile(path, &file).IsCorruption());
}

TEST_F(RealTables, MoreOfThemAreReadThanMayBeHeldOpen) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    JournalEnv env(names_);
    const std::string path = make("a.ldb");
    std::vector<std::unique_ptr<leveldb::RandomAccessFile>> tables;
    for (int n = 0; n < 200; ++n) tables.push_back(open(env, path));
    for (const auto& table : tables) EXPECT_TRUE(table && read(*table, 100).ok());
  }
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace capstan
