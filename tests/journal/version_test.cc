// A journal that a newer version has written: refused with both numbers, and left to that version.
#include <gtest/gtest.h>

#include <cstring>

#include "block_codec.h"
#include "journal_world.h"
#include "leveldb/db.h"
#include "leveldb/write_batch.h"

namespace capstan {
namespace {

using journal_test::World;

/// A whole block whose major version is the next one, with checksums that hold.
std::string newer_block() {
  BlockHeader header;
  header.commit = CommitNumber{1};
  header.commit_blocks = 1;
  header.base = Sequence{1};
  header.commit_last = Sequence{10};
  header.record_count = 10;
  std::string value;
  encode_block(header, journal_test::pattern(1, 100), value);
  value[8] = static_cast<char>(kBlockVersionMajor + 1);
  const std::uint64_t checksum = checksum_of(as_bytes({value.data(), kBlockHeaderBytes - 8}));
  std::memcpy(value.data() + kBlockHeaderBytes - 8, &checksum, sizeof checksum);
  return value;
}

void put(World& world, const std::string& path, const leveldb::Slice& key,
         const std::string& value) {
  leveldb::Options options;
  options.env = &world.disk;
  options.create_if_missing = true;
  leveldb::DB* opened = nullptr;
  ASSERT_TRUE(leveldb::DB::Open(options, path, &opened).ok());
  const std::unique_ptr<leveldb::DB> database(opened);
  leveldb::WriteOptions synced;
  synced.sync = true;
  ASSERT_TRUE(database->Put(synced, key, value).ok());
}

void expect_refused(World& world, const std::string& value) {
  for (int start = 0; start < 2; ++start) {
    const Status started = world.try_start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kUnsupportedVersion) << started.error().text();
    EXPECT_NE(started.error().context.find("format 2"), std::string::npos)
        << started.error().text();
    EXPECT_NE(started.error().context.find("format 1"), std::string::npos)
        << started.error().text();
  }
  bool kept = false;
  for (const std::string& path : world.disk.files()) {
    EXPECT_EQ(path.find("quarantined"), std::string::npos) << path;
    kept = kept || world.disk.content(path).find(value) != std::string::npos;
  }
  EXPECT_TRUE(kept) << "the value is still there";
}

TEST(NewerVersion, ABlockIsRefusedWithBothNumbersAndKept) {
  World world;
  world.start();
  world.stop();
  const std::string value = newer_block();
  const SequenceKey key(Sequence{1});
  ASSERT_NO_FATAL_FAILURE(
      put(world, "/data/journal/00000000000000000001", {key.octets, sizeof key.octets}, value));
  expect_refused(world, value);
}

TEST(NewerVersion, AStateIsRefusedWithBothNumbersAndKept) {
  World world;
  world.start();
  world.write(2);
  world.checkpoint(20, {{"a", "1"}});
  world.stop();
  std::string mark(40, '\x07');
  const std::uint64_t version = 2;
  std::memcpy(mark.data(), &version, sizeof version);
  ASSERT_NO_FATAL_FAILURE(put(world, "/data/state", "m", mark));
  expect_refused(world, mark);
}

}  // namespace
}  // namespace capstan
