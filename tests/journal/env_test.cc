#include "env.h"

#include <gtest/gtest.h>

#include "memory_env.h"

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

}  // namespace
}  // namespace capstan
