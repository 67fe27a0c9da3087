#include "files.h"

#include "faulty_env.h"
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

// Goal: a folder that was there before is used, whatever stands around it, unless its name may not
// last; a new one is not left behind without a durable name, so that the next start asks again.
TEST(Files, OnlyANewDirectoryNeedsOneAroundItThatCanBeSynced) {
  using enum std::errc;
  for (const std::errc reason :
       {permission_denied, operation_not_permitted, invalid_argument, not_supported,
        operation_not_supported, read_only_file_system, io_error, no_space_on_device}) {
    const std::error_code error = std::make_error_code(reason);
    SCOPED_TRACE(error.message());
    MemoryEnv disk;
    journal_test::FaultyEnv faulty(disk);
    JournalEnv env(faulty, Background::kInline);
    faulty.syncs = "/";
    faulty.sync_error = error;
    for (int start = 0; start < 2; ++start) {
      const Status made = make_directory(env, "/data");
      ASSERT_FALSE(made.ok());
      EXPECT_EQ(made.error().code, ErrorCode::kIo);
      EXPECT_NE(made.error().context.find(error.message()), std::string::npos)
          << made.error().context;
      EXPECT_FALSE(disk.FileExists("/data"));
    }
    ASSERT_TRUE(disk.CreateDir("/data").ok());
    const bool may_last = reason != io_error && reason != no_space_on_device;
    EXPECT_EQ(make_directory(env, "/data").ok(), may_last);
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

// Goal: a database that could not be made can be removed, also when nobody knows whether CURRENT
// names the manifest.
TEST(Files, ATreeIsRemovedAlsoAfterAFailedSyncOfItsNames) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  ASSERT_TRUE(make_directory(env, "/a").ok());
  ASSERT_TRUE(leveldb::WriteStringToFile(&env, "x", "/a/MANIFEST-000001").ok());
  ASSERT_TRUE(leveldb::WriteStringToFile(&env, "x", "/a/000001.dbtmp").ok());
  disk.fail_one_sync_after(0);
  EXPECT_FALSE(env.RenameFile("/a/000001.dbtmp", "/a/CURRENT").ok());
  EXPECT_FALSE(env.RemoveFile("/a/MANIFEST-000001").ok());
  ASSERT_TRUE(remove_tree(env, "/a").ok());
  EXPECT_FALSE(env.FileExists("/a"));
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
