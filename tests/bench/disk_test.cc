#include "disk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "run_folder.h"

namespace capstan::bench {
namespace {

TEST(Disk, AFolderTakesWhatItsFilesHaveAllocatedAtAnyDepth) {
  auto folder = RunFolder::make(::testing::TempDir());
  ASSERT_TRUE(folder);
  const std::string path = folder.value()->path();
  EXPECT_EQ(*disk_bytes(path), 0U);
  std::filesystem::create_directories(path + "/a/b");
  std::ofstream(path + "/a/b/file") << std::string(100'000, 'x') << std::flush;
  std::filesystem::resize_file(path + "/a/b/file", 1'000'000'000);  // A hole takes nothing.
  const auto bytes = disk_bytes(path);
  ASSERT_TRUE(bytes);
  EXPECT_GE(*bytes, 100'000U);
  EXPECT_LT(*bytes, 1'000'000U);
}

TEST(Disk, AFolderThatIsNotThereIsAnError) {
  const auto bytes = disk_bytes("/proc/self/no-such-folder");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kIo);
}

TEST(Disk, MoreThanThereIsIsRefused) {
  EXPECT_TRUE(check_free_disk(::testing::TempDir(), 1));
  const Status refused = check_free_disk(::testing::TempDir(), std::uint64_t{1} << 60);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDiskFull);
}

}  // namespace
}  // namespace capstan::bench
