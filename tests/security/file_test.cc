#include "capstan/security/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr uid_t kReader = 1000;
constexpr uid_t kStranger = 1001;
constexpr uid_t kRoot = 0;

TEST(FileAccess, ASecretIsRefusedForEverySingleBitThatOthersHave) {
  for (mode_t bit = 1; bit <= 040; bit <<= 1U) {
    const Status access =
        check_file_access("bob.key", FileUse::kSecret, 0600 | bit, kReader, kReader);
    ASSERT_FALSE(access.ok()) << std::oct << bit;
    EXPECT_EQ(access.error().code, ErrorCode::kInsecureFile);
    EXPECT_NE(access.error().context.find("chmod go= 'bob.key'"), std::string::npos);
  }
  EXPECT_TRUE(check_file_access("bob.key", FileUse::kSecret, 0600, kReader, kReader).ok());
  EXPECT_TRUE(check_file_access("bob.key", FileUse::kSecret, 0400, kReader, kReader).ok());
}

TEST(FileAccess, ATrustedFileMayBeReadByOthersAndNotWritten) {
  EXPECT_TRUE(check_file_access("bob", FileUse::kTrusted, 0644, kReader, kReader).ok());
  for (const mode_t mode : {0664U, 0646U, 0666U, 0622U}) {
    const Status access = check_file_access("bob", FileUse::kTrusted, mode, kReader, kReader);
    ASSERT_FALSE(access.ok()) << std::oct << mode;
    EXPECT_NE(access.error().context.find("chmod go-w 'bob'"), std::string::npos);
  }
}

TEST(FileAccess, AStrangersFileIsRefusedAndRootsIsNot) {
  for (const FileUse use : {FileUse::kSecret, FileUse::kTrusted}) {
    const Status access = check_file_access("bob.key", use, 0600, kStranger, kReader);
    ASSERT_FALSE(access.ok());
    EXPECT_EQ(access.error().code, ErrorCode::kInsecureFile);
    EXPECT_NE(access.error().context.find("chown 1000 'bob.key'"), std::string::npos);
    EXPECT_FALSE(check_file_access("bob.key", use, 0600, kStranger, kRoot).ok());
    EXPECT_TRUE(check_file_access("bob.key", use, 0600, kRoot, kReader).ok());
  }
}

TEST(ReadSmallFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_small_file(folder.path(), FileUse::kPublic).error().code, ErrorCode::kIo);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_small_file(folder / "pipe", FileUse::kPublic).error().code, ErrorCode::kIo);
  EXPECT_EQ(read_small_file("/dev/zero", FileUse::kPublic).error().code, ErrorCode::kIo);
  EXPECT_EQ(read_small_file(folder / "none", FileUse::kPublic).error().code, ErrorCode::kNotFound);
}

TEST(ReadSmallFile, TakesTheLargestFileAndRefusesOneOctetMore) {
  const TemporaryFolder folder;
  put_file(folder / "full", std::string(kSmallFileBytesMax, 'x'), 0600);
  put_file(folder / "over", std::string(kSmallFileBytesMax + 1, 'x'), 0600);
  EXPECT_EQ(read_small_file(folder / "full", FileUse::kSecret)->size(), kSmallFileBytesMax);
  EXPECT_EQ(read_small_file(folder / "over", FileUse::kSecret).error().code, ErrorCode::kTooLarge);
}

TEST(ReadSmallFile, AnEmptyFileIsAnEmptyText) {
  const TemporaryFolder folder;
  put_file(folder / "empty", "", 0600);
  EXPECT_EQ(read_small_file(folder / "empty", FileUse::kSecret)->view(), "");
}

TEST(CreateFile, NeverTouchesWhatIsThere) {
  const TemporaryFolder folder;
  ASSERT_TRUE(create_file(folder / "a", "first", 0600).ok());
  EXPECT_EQ(create_file(folder / "a", "second", 0644).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(get_file(folder / "a"), "first");
  EXPECT_EQ(mode_of(folder / "a"), 0600U);
}

TEST(CreateFile, DoesNotFollowADanglingLink) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(folder / "elsewhere", folder / "a");
  EXPECT_EQ(create_file(folder / "a", "text", 0600).error().code, ErrorCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST(CreateFile, ModeDoesNotDependOnTheUmask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0777);
  const Status made = create_file(folder / "a", "text", 0644);
  const Status made_folder = make_directory(folder / "d", 0755);
  ::umask(before);
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(made_folder.ok());
  EXPECT_EQ(mode_of(folder / "a"), 0644U);
  EXPECT_EQ(mode_of(folder / "d"), 0755U);
}

TEST(ReplaceFile, LeavesTheNewTextAndNoOtherFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(replace_file(folder / "a", "first", 0644).ok());
  ASSERT_TRUE(replace_file(folder / "a", "second", 0644).ok());
  EXPECT_EQ(get_file(folder / "a"), "second");
  EXPECT_EQ(mode_of(folder / "a"), 0644U);
  EXPECT_EQ(count_files(folder.path()), 1U);
}

TEST(ReplaceFile, AFailureLeavesNothingBehind) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "a");
  EXPECT_EQ(replace_file(folder / "a", "text", 0644).error().code, ErrorCode::kIo);
  EXPECT_EQ(count_files(folder.path()), 1U);
  EXPECT_FALSE(replace_file(folder / "none/a", "text", 0644).ok());
}

TEST(RemoveFile, IsToldWhenThereWasNone) {
  const TemporaryFolder folder;
  EXPECT_EQ(remove_file(folder / "a").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(create_file(folder / "a", "text", 0600).ok());
  EXPECT_TRUE(remove_file(folder / "a").ok());
  EXPECT_EQ(rename_file(folder / "a", folder / "b").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace capstan
