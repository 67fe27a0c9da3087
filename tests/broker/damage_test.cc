// One bit of a small journal is flipped: the start delivers everything, or names what is lost.
// Never silence, a crash, a wrong envelope or a refusal: also a version is below a checksum.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "hub_life.h"

namespace capstan {
namespace {

using broker_test::Life;

constexpr std::uint64_t kSegmentBytes = 1500;
/// Of sparse segments what waits is copied to cold/.
constexpr std::uint64_t kColdPercent = 95;
/// A run of the whole suite takes each so many-th bit; CAPSTAN_EVERY_BIT takes all.
constexpr std::uint64_t kStride = 29;

/// What a sound disk holds.
struct Truth {
  MemoryEnv disk;
  std::map<std::uint64_t, std::string> posted;               ///< By number.
  std::map<std::uint64_t, Sequence> sequences;               ///< By number.
  std::map<std::string, std::string> rows;                   ///< Of a start.
  std::uint64_t acknowledged = 0;                            ///< Numbers up to it.
  std::vector<std::pair<std::string, std::uint64_t>> files;  ///< Path and bytes.
  std::uint64_t bits = 0;
  std::size_t cold_parts = 0;
};

/// Three lives: tables and logs, several segments, a snapshot in each life, a checkpoint in the
/// middle, a copy in cold/, settled and unsettled mail before and after it.
void make_truth(Truth& truth) {
  std::uint64_t number = 0;
  for (int round = 0; round < 3; ++round) {
    Life life;
    life.cold_percent = kColdPercent;
    ASSERT_TRUE(life.begin(truth.disk, kSegmentBytes).ok());
    life.post(number + 1, number + 6, 40);
    number += 6;
    (void)life.receive();
    for (const auto& [id, text] : life.mail) {
      const std::uint64_t n = std::stoull(text);
      truth.posted[n] = text;
      truth.sequences[n] = id.sequence();
    }
    life.acknowledge_up_to(2);
    truth.acknowledged += 2;
    if (round == 1) life.pass_ms(1500);
    for (int turn = 0; round == 1 && turn < 20; ++turn) life.pass_ms(2);
    truth.cold_parts += life.cold_parts;
  }
  ASSERT_EQ(truth.posted.size(), 18U);
  ASSERT_GT(truth.cold_parts, 0U);
  // What a start reads beside LevelDB's files: nothing of these two.
  for (const char* path : {"/data/ballast", "/data/holder"}) {
    leveldb::WritableFile* file = nullptr;
    ASSERT_TRUE(truth.disk.NewWritableFile(path, &file).ok());
    delete file;
    truth.disk.set_content(path, "some octets");
  }
  for (const std::string& path : truth.disk.files()) {
    truth.files.emplace_back(path, truth.disk.content(path).size());
    truth.bits += truth.files.back().second * 8;
  }
  MemoryEnv disk;
  disk.copy_from(truth.disk);
  const Life sound(disk, kSegmentBytes);
  truth.rows = sound.rows_found;
  ASSERT_TRUE(sound.summary.quarantined.empty());
  ASSERT_GT(sound.summary.applied, Sequence{0});
  ASSERT_GT(sound.summary.segments.size(), 2U);
}

bool holds(const std::set<Gap>& gaps, Sequence sequence) {
  return std::any_of(gaps.begin(), gaps.end(),
                     [&](const Gap& gap) { return gap.first <= sequence && sequence <= gap.last; });
}

enum class Outcome { kSound, kRepaired, kLoss, kFailed };

/// What the receiver is told and what the hub reports, held against the truth.
void compare(const Truth& truth, Life& life) {
  (void)life.receive();
  const std::set<Gap>& gaps = life.hub->state().gaps();
  std::uint64_t before = 0;
  for (const auto& [id, text] : life.mail) {
    const std::uint64_t number = std::stoull(text);
    ASSERT_TRUE(truth.posted.contains(number)) << text;
    ASSERT_EQ(text, truth.posted.at(number));
    ASSERT_EQ(id.sequence(), truth.sequences.at(number));
    ASSERT_GT(number, before) << "twice, or out of order";
    ASSERT_FALSE(holds(gaps, truth.sequences.at(number))) << number << " is not lost";
    before = number;
  }
  const std::set<std::uint64_t> heard(life.heard.begin(), life.heard.end());
  for (const auto& [number, sequence] : truth.sequences) {
    if (number <= truth.acknowledged || heard.contains(number)) continue;
    ASSERT_TRUE(holds(gaps, sequence)) << number << " is lost in silence";
    const std::set<Gap> told(life.gap_notices.begin(), life.gap_notices.end());
    ASSERT_EQ(told.size(), life.gap_notices.size()) << "a gap is told twice";
    ASSERT_TRUE(holds(told, sequence)) << "nobody tells bob that " << number << " is lost";
  }
}

/// A start on a disk with this one bit flipped.
Outcome start_damaged(const Truth& truth, const std::string& path, std::uint64_t octet,
                      unsigned bit) {
  MemoryEnv disk;
  disk.copy_from(truth.disk);
  disk.flip_bit(path, octet, bit);
  std::set<Gap> gaps;
  bool repaired = false;
  {
    Life life;
    life.cold_percent = kColdPercent;
    const Status begun = life.begin(disk, kSegmentBytes);
    EXPECT_TRUE(begun.ok()) << begun.error().text();
    if (!begun) return Outcome::kFailed;
    EXPECT_TRUE(life.summary.chain_breaks.empty());
    compare(truth, life);
    repaired = !life.summary.quarantined.empty();
    gaps = life.hub->state().gaps();
    EXPECT_TRUE(!gaps.empty() || life.rows_found == truth.rows);
  }
  if (!repaired && gaps.empty()) return Outcome::kSound;
  // What was found is dealt with once.
  Life again;
  const Status begun = again.begin(disk, kSegmentBytes);
  EXPECT_TRUE(begun.ok()) << begun.error().text();
  if (!begun) return Outcome::kFailed;
  EXPECT_TRUE(again.summary.quarantined.empty());
  EXPECT_EQ(again.hub->state().gaps(), gaps);
  compare(truth, again);
  return gaps.empty() ? Outcome::kRepaired : Outcome::kLoss;
}

// Goal: no single flipped bit, in whatever file, costs anything in silence. Method: flip it, start,
// receive everything, compare with what was accepted; then start once more.
TEST(Damage, AnyFlippedBitOfAnyFileIsHarmlessOrNamed) {
  Truth truth;
  ASSERT_NO_FATAL_FAILURE(make_truth(truth));
  const std::uint64_t stride = std::getenv("CAPSTAN_EVERY_BIT") == nullptr ? kStride : 1;
  std::map<Outcome, std::uint64_t> outcomes;
  std::uint64_t skip = 0;
  for (const auto& [path, bytes] : truth.files) {
    std::uint64_t at = skip;
    for (; at < bytes * 8; at += stride) {
      SCOPED_TRACE(path + " octet " + std::to_string(at / 8) + " bit " + std::to_string(at % 8));
      ++outcomes[start_damaged(truth, path, at / 8, static_cast<unsigned>(at % 8))];
      if (HasFailure()) return;
    }
    skip = at - bytes * 8;
  }
  std::cout << truth.bits << " bits in " << truth.files.size() << " files, every " << stride
            << ": sound " << outcomes[Outcome::kSound] << ", repaired without loss "
            << outcomes[Outcome::kRepaired] << ", loss named " << outcomes[Outcome::kLoss] << '\n';
  EXPECT_GT(outcomes[Outcome::kSound], 0U);
  EXPECT_GT(outcomes[Outcome::kRepaired], 0U);
  EXPECT_GT(outcomes[Outcome::kLoss], 0U);
}

}  // namespace
}  // namespace capstan
