#include "witness.h"

#include <cstdlib>
#include <filesystem>

#include "journal_world.h"

namespace capstan {
namespace {

constexpr Witness kOne{CommitNumber{3}, Sequence{40}, 5, 6};
constexpr Witness kTwo{CommitNumber{4}, Sequence{50}, 7, 8};

TEST(Witness, EveryFlippedBitAndEveryShorterLengthIsNoWitness) {
  WitnessImage image = encode_witness(kOne);
  for (std::size_t length = 0; length < image.size(); ++length) {
    EXPECT_FALSE(decode_witness(Bytes(image).first(length)));
  }
  for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
    const auto flip = static_cast<std::uint8_t>(1U << (bit % 8));
    image[bit / 8] = static_cast<std::uint8_t>(image[bit / 8] ^ flip);
    EXPECT_FALSE(decode_witness(image)) << bit;
    image[bit / 8] = static_cast<std::uint8_t>(image[bit / 8] ^ flip);
  }
  EXPECT_EQ(decode_witness(image), kOne);
}

TEST(Witness, TheDiskKeepsTheLatestOne) {
  std::string directory = std::filesystem::temp_directory_path() / "capstan-witness-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/witness";
  {
    auto file = open_disk_witness(path);
    ASSERT_TRUE(file.ok());
    EXPECT_FALSE((*file)->read());
    (*file)->write(kOne);
    (*file)->write(kTwo);
    EXPECT_EQ((*file)->read(), kTwo);
  }
  EXPECT_EQ(std::filesystem::file_size(path), kWitnessBytes);
  auto again = open_disk_witness(path);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->read(), kTwo);
  std::filesystem::remove_all(directory);
}

TEST(Witness, AnEnvKeepsTheLatestOne) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  const auto file = make_env_witness(env, "/witness");
  EXPECT_FALSE(file->read());
  file->write(kOne);
  file->write(kTwo);
  EXPECT_EQ(file->read(), kTwo);
}

TEST(Witness, AFailedWriteKeepsTheOlderOne) {
  MemoryEnv disk;
  JournalEnv env(disk, Background::kInline);
  const auto file = make_env_witness(env, "/witness");
  file->write(kOne);
  disk.fail_writes(true);
  file->write(kTwo);
  EXPECT_EQ(file->read(), kOne);
}

}  // namespace
}  // namespace capstan
