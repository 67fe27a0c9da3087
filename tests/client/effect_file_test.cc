#include "capstan/client/effect_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "temporary_folder.h"

namespace capstan {
namespace {

EnvelopeId id_of(std::uint64_t n) { return EnvelopeId::make(1'000 + n, 0, Sequence{n}); }

class EffectFileTest : public testing::Test {
 protected:
  std::unique_ptr<EffectFile> open() {
    auto file = EffectFile::open(path_);
    EXPECT_TRUE(file.ok()) << file.error().text();
    return *std::move(file);
  }
  void add(std::uint64_t n, std::string_view effect) {
    const auto added = open()->add(id_of(n), effect);
    ASSERT_TRUE(added.ok()) << added.error().text();
    EXPECT_TRUE(*added);
  }
  static std::string line(std::uint64_t n, const std::string& effect) {
    return id_of(n).hex() + " " + effect + "\n";
  }

  TemporaryFolder folder_;
  std::string path_ = (folder_ / "effects").string();
};

TEST_F(EffectFileTest, LineHoldsIdAndEffect) {
  add(1, "pay 7 euros");
  EXPECT_EQ(get_file(path_), line(1, "pay 7 euros"));
  EXPECT_EQ(mode_of(path_), 0600U);
}

TEST_F(EffectFileTest, EnvelopeThatComesAgainChangesNothing) {
  auto file = open();
  ASSERT_TRUE(file->add(id_of(1), "once").ok());
  const auto again = file->add(id_of(1), "twice");
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(*again);
  EXPECT_EQ(get_file(path_), line(1, "once"));
}

TEST_F(EffectFileTest, IdsAreReadBack) {
  for (const std::uint64_t n : {3U, 1U, 2U}) add(n, "x");
  const auto file = open();
  EXPECT_EQ(file->count(), 3U);
  for (const std::uint64_t n : {1U, 2U, 3U}) EXPECT_TRUE(file->contains(id_of(n))) << n;
  EXPECT_FALSE(file->contains(id_of(4)));
}

TEST_F(EffectFileTest, LinesLongerThanAReadAreReadBack) {
  add(1, std::string(200'000, 'a'));
  add(2, "");
  add(3, std::string(65'536 - 34, 'b'));
  EXPECT_EQ(open()->count(), 3U);
}

// Goal: a line that a kill cut short counts as not done, wherever it was cut.
// Method: cut the second of two lines after every byte, open, add it again.
TEST_F(EffectFileTest, CutAtEveryByteKeepsExactlyTheWholeLines) {
  const std::string first = line(1, "first");
  const std::string second = line(2, "second");
  for (std::size_t length = 0; length < second.size(); ++length) {
    put_file(path_, first + second.substr(0, length), 0600);
    EXPECT_FALSE(open()->contains(id_of(2))) << length;
    EXPECT_EQ(get_file(path_), first) << length;
    add(2, "second");
    EXPECT_EQ(get_file(path_), first + second) << length;
  }
}

TEST_F(EffectFileTest, LineBreaksAndBackslashesStayInOneLine) {
  add(1, "a\nb\r\\n");
  EXPECT_EQ(get_file(path_), line(1, "a\\nb\\r\\\\n"));
  EXPECT_EQ(open()->count(), 1U);
}

TEST_F(EffectFileTest, LineWithoutAnIdIsDamageAndNamed) {
  for (const std::string bad : {"nonsense\n", "\n"}) {
    put_file(path_, line(1, "good") + bad, 0600);
    const auto file = EffectFile::open(path_);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, ErrorCode::kDamaged);
    EXPECT_NE(file.error().context.find(":2:"), std::string::npos) << file.error().text();
  }
}

TEST_F(EffectFileTest, SecondOwnerIsRefused) {
  const auto owner = open();
  const auto second = EffectFile::open(path_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kLocked);
}

// Goal: a disk that takes only a part of a line leaves none of it.
// Method: a bound on the file's size that lies inside the second line.
TEST_F(EffectFileTest, WriteThatIsCutShortLeavesNoPartOfItsLine) {
  std::signal(SIGXFSZ, SIG_IGN);
  auto file = open();
  ASSERT_TRUE(file->add(id_of(1), "whole").ok());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{line(1, "whole").size() + 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto added = file->add(id_of(2), "cut");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_EQ(get_file(path_), line(1, "whole"));
  EXPECT_FALSE(file->contains(id_of(2)));
  ASSERT_TRUE(file->add(id_of(2), "now").ok());
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(get_file(path_), line(1, "whole") + line(2, "now"));
}

}  // namespace
}  // namespace capstan
