#include "files.h"

#include "journal_world.h"
#include "salvage.h"

namespace capstan {
namespace {

TEST(Files, OnlyTwentyDigitsNameASegment) {
  const DataPaths paths{"/data"};
  EXPECT_EQ(paths.segment(Sequence{42}), "/data/journal/00000000000000000042");
  EXPECT_EQ(parse_segment_name("00000000000000000042"), Sequence{42});
  EXPECT_EQ(parse_segment_name("18446744073709551615"), Sequence{UINT64_MAX});
  for (const char* name :
       {"", "42", "00000000000000000000", "18446744073709551616", "0000000000000000004x",
        "00000000000000000042.dropping", "000000000000000000042"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

TEST(Files, AQuarantineNeverReplacesAnother) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  for (int n = 1; n <= 3; ++n) {
    ASSERT_TRUE(make_directory(env, "/state").ok());
    const auto aside = quarantine(env, "/state");
    ASSERT_TRUE(aside.ok());
    EXPECT_EQ(*aside, "/state.quarantined-" + std::to_string(n));
  }
}

// Goal: a process that ends between the creation of a directory and the sync of its name leaves one
// that the next process has to sync.
TEST(Files, ADirectoryThatIsThereAlreadyIsMadeDurable) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    MemoryEnv disk;
    JournalEnv env(disk, Background::kInline);
    ASSERT_TRUE(disk.CreateDir("/data").ok());
    ASSERT_TRUE(make_directory(env, "/data").ok());
    Random random(seed);
    disk.crash(random);
    EXPECT_TRUE(disk.FileExists("/data")) << seed;
  }
}

TEST(Files, ADirectoryThatCannotBeReadIsNotTakenForAnEmptyOne) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  ASSERT_TRUE(make_directory(env, "/a").ok());
  ASSERT_TRUE(leveldb::WriteStringToFile(&env, "x", "/a/000003.log").ok());
  EXPECT_TRUE(list_directory(env, "/missing")->empty());
  EXPECT_FALSE(holds_data(env, "/missing"));
  disk.fail_listings(true);
  EXPECT_EQ(list_directory(env, "/a").error().code, ErrorCode::kIo);
  EXPECT_EQ(remove_tree(env, "/a").error().code, ErrorCode::kIo);
  EXPECT_EQ(copy_directory(env, "/a", "/b").error().code, ErrorCode::kIo);
  EXPECT_TRUE(holds_data(env, "/a"));
}

TEST(Files, ATreeIsRemovedWithAllBelow) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  ASSERT_TRUE(make_directory(env, "/a").ok());
  ASSERT_TRUE(make_directory(env, "/a/b").ok());
  ASSERT_TRUE(leveldb::WriteStringToFile(&env, "x", "/a/b/c").ok());
  ASSERT_TRUE(remove_tree(env, "/a").ok());
  EXPECT_FALSE(env.FileExists("/a"));
  EXPECT_TRUE(remove_tree(env, "/a").ok());
}

TEST(Salvage, AnInterruptedExchangeIsFinishedAndWorkingCopiesGo) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  const DataPaths paths{"/data"};
  for (const char* path :
       {"/data", "/data/journal", "/data/journal/00000000000000000001.rebuilt",
        "/data/journal/00000000000000000001.salvage", "/data/journal/00000000000000000005",
        "/data/journal/00000000000000000005.rebuilt", "/data/journal/00000000000000000009.dropping",
        "/data/journal/00000000000000000001.quarantined-1"}) {
    ASSERT_TRUE(make_directory(env, path).ok());
  }
  ASSERT_TRUE(finish_interrupted(env, paths.journal()).ok());
  EXPECT_EQ(*list_directory(env, paths.journal()),
            (std::vector<std::string>{"00000000000000000001", "00000000000000000001.quarantined-1",
                                      "00000000000000000005"}));
}

}  // namespace
}  // namespace capstan
