#include "recovery.h"

#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::gap;
using journal_test::lose_state_and_first_segment;
using journal_test::remove_segment;
using journal_test::ruin;
using journal_test::sequences;
using journal_test::World;

using Bases = std::vector<std::uint64_t>;
using Gaps = std::vector<Gap>;

bool has_file_like(const World& world, const std::string& text) {
  for (const std::string& path : world.disk.files()) {
    if (path.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(RecoveryDamage, AFlippedBitInTheLogCostsItsBlockAlone) {
  World world;
  world.start();
  for (int i = 0; i < 5; ++i) world.write(2);
  world.stop();
  const auto spot = world.find_on_disk(51);
  EXPECT_NE(spot.path.find(".log"), std::string::npos);
  world.disk.flip_bit(spot.path, spot.offset + 20, 4);
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 31, 41, 61, 71, 81, 91}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(51, 60)}));
  EXPECT_EQ(world.summary.last_sequence, Sequence{100});
  ASSERT_EQ(world.summary.quarantined.size(), 1U);
  EXPECT_TRUE(has_file_like(world, "00000000000000000001.quarantined-1/"));

  for (const std::uint64_t sequence : {51U, 55U, 60U}) {
    const auto lost = world.store->read(sequences({sequence}));
    ASSERT_FALSE(lost.ok()) << sequence;
    EXPECT_EQ(lost.error().code, ErrorCode::kDamaged);
    EXPECT_NE(lost.error().context.find("51 to 60"), std::string::npos) << lost.error().context;
  }

  // The damage is dealt with once: the next start reports it again but replaces nothing.
  world.write(1);
  world.start();
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(51, 60)}));
  EXPECT_TRUE(world.summary.quarantined.empty());
  EXPECT_TRUE(world.summary.chain_breaks.empty());
  EXPECT_EQ(world.sink.bases().back(), 101U);
}

TEST(RecoveryDamage, ALossAtTheEndIsNamedToWhoeverReadsInIt) {
  World world;
  world.start();
  for (int i = 0; i < 5; ++i) world.write(2);
  world.stop();
  const auto spot = world.find_on_disk(91);
  world.disk.flip_bit(spot.path, spot.offset + 20, 4);
  world.start();
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(91, 100)}));
  for (const std::uint64_t sequence : {91U, 95U, 100U}) {
    const auto lost = world.store->read(sequences({sequence}));
    ASSERT_FALSE(lost.ok()) << sequence;
    EXPECT_EQ(lost.error().code, ErrorCode::kDamaged);
    EXPECT_NE(lost.error().context.find("91 to 100"), std::string::npos) << lost.error().context;
  }
}

TEST(RecoveryDamage, AFlippedBitInATableCostsItsBlockAlone) {
  World world;
  world.start();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(world.try_write(world.make(2, false, false, 1000)).ok());
  }
  world.start();
  world.stop();
  const auto spot = world.find_on_disk(31);
  EXPECT_NE(spot.path.find(".ldb"), std::string::npos);
  world.disk.flip_bit(spot.path, spot.offset + 20, 4);
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 41, 51, 61, 71, 81, 91}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(31, 40)}));
  EXPECT_EQ(world.summary.quarantined.size(), 1U);
}

// Goal: whatever single bit of a segment's files is hit, every record is either delivered or named.
TEST(RecoveryDamage, AnyFlippedBitLeavesEveryRecordDeliveredOrNamed) {
  World pristine;
  pristine.start();
  for (int i = 0; i < 6; ++i) pristine.write(2);
  pristine.stop();
  std::vector<std::pair<std::string, std::string>> files;
  std::uint64_t total = 0;
  for (const std::string& path : pristine.disk.files()) {
    if (path.rfind("/data/journal/", 0) != 0) continue;
    files.emplace_back(path, pristine.disk.content(path));
    total += files.back().second.size();
  }
  Random random(2024);
  for (int round = 0; round < 400; ++round) {
    World world;
    world.start();
    for (int i = 0; i < 6; ++i) world.write(2);
    world.stop();
    std::uint64_t at = random.below(total);
    std::size_t file = 0;
    while (at >= files[file].second.size()) at -= files[file++].second.size();
    const auto bit = static_cast<unsigned>(random.below(8));
    SCOPED_TRACE(files[file].first + " octet " + std::to_string(at) + " bit " +
                 std::to_string(bit));
    world.disk.flip_bit(files[file].first, at, bit);
    world.start();
    std::vector<int> seen(121, 0);
    for (const SharedBlock& block : world.sink.blocks) {
      ASSERT_TRUE(journal_test::same(*block, *journal_test::make_block(block->base.value)));
      for (std::uint64_t s = block->base.value; s <= block->last().value; ++s) ++seen.at(s);
    }
    for (const Gap& lost : world.summary.gaps) {
      for (std::uint64_t s = lost.first.value; s <= lost.last.value; ++s) ++seen.at(s);
    }
    for (std::uint64_t s = 1; s <= 120; ++s) ASSERT_EQ(seen[s], 1) << "sequence " << s;
    EXPECT_EQ(world.summary.last_sequence, Sequence{120});
  }
}

TEST(RecoveryDamage, AWalThatEndsBeforeTheWitnessIsAGapAtItsEnd) {
  World world;
  world.start();
  world.write(2);
  const std::string log = world.find_on_disk(1).path;
  const std::size_t synced = world.disk.content(log).size();
  world.write(3);
  world.stop();
  world.disk.set_content(log, world.disk.content(log).substr(0, synced));
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 50)}));
  EXPECT_EQ(world.summary.last_sequence, Sequence{50});
  EXPECT_EQ(world.summary.last_commit, CommitNumber{2});
  EXPECT_EQ(world.summary.id_time_ceiling_ns, 1'000'002U);
  EXPECT_EQ(world.summary.witness, WitnessVerdict::kTailLost);

  // Lost sequences are not used again, and the new commit continues behind them.
  world.write(1);
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 51}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 50)}));
  EXPECT_TRUE(world.summary.chain_breaks.empty());
}

// Two sound segments of two lives: each block checks, and the second was not written after the
// first.
TEST(RecoveryDamage, ABlockThatWasNotWrittenAfterTheOneBeforeItBreaksTheChain) {
  World mixed;
  World other;
  for (World* world : {&mixed, &other}) world->start();
  mixed.write(2);
  ASSERT_TRUE(other.try_write(other.make(2, true, false, 600)).ok());
  for (World* world : {&mixed, &other}) {
    world->write(2, true);
    world->write(1);
    world->stop();
  }
  for (const std::string& path : other.disk.files()) {
    if (path.rfind("/data/journal/00000000000000000001/", 0) == 0) continue;
    mixed.disk.set_content(path, other.disk.content(path));
  }
  mixed.start();
  EXPECT_EQ(mixed.sink.bases(), (Bases{1, 11, 21, 31, 41})) << "each side is sound";
  EXPECT_EQ(mixed.summary.chain_breaks, sequences({21}));
  EXPECT_TRUE(mixed.summary.gaps.empty());
}

TEST(RecoveryDamage, ASegmentThatIsMissingWithAllItsBlocksIsAGap) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.write(2, true);
  world.stop();
  for (const std::string& path : world.disk.files()) {
    if (path.find("/00000000000000000021/") == std::string::npos) continue;
    ASSERT_TRUE(world.disk.RemoveFile(path).ok());
  }
  ASSERT_TRUE(world.disk.RemoveDir("/data/journal/00000000000000000021").ok());
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 41, 51}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 40)}));
}

// Goal: a failed mount or half a restore must not declare everything lost, nor end in an assertion.
TEST(RecoveryDamage, AJournalWithoutAnySegmentIsRefusedUntilSomebodySaysThatItIsLost) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(30, {{"a", "1"}});
  world.stop();
  remove_segment(world, "00000000000000000001");
  remove_segment(world, "00000000000000000021");
  const std::string named = "/data/journal/00000000000000000040";
  for (int start = 0; start < 2; ++start) {
    const Status started = world.try_start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kDamaged);
    EXPECT_NE(started.error().context.find("holds no segment"), std::string::npos);
    EXPECT_NE(started.error().context.find(named), std::string::npos) << started.error().context;
  }
  ASSERT_TRUE(world.disk.CreateDir(named).ok());
  for (int start = 0; start < 2; ++start) {
    world.start();
    EXPECT_EQ(world.sink.rows.at("a"), "1");
    EXPECT_EQ(world.summary.gaps.back().last, Sequence{40});
    EXPECT_EQ(world.summary.last_sequence, Sequence{40});
  }
  world.write(1, true);
  world.start();
  EXPECT_EQ(world.sink.bases(), Bases{41});
}

TEST(RecoveryDamage, ADirectoryThatCannotBeReadEndsTheStartAndCostsNothing) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.stop();
  world.disk.fail_listings(true);
  EXPECT_EQ(world.try_start().error().code, ErrorCode::kIo);
  world.disk.fail_listings(false);
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 31}));
  EXPECT_TRUE(world.summary.gaps.empty() && world.summary.quarantined.empty());
}

TEST(RecoveryDamage, ASegmentWithoutItsCurrentFileIsSalvagedWhole) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.stop();
  ASSERT_TRUE(world.disk.RemoveFile("/data/journal/00000000000000000021/CURRENT").ok());
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 31}));
  EXPECT_TRUE(world.summary.gaps.empty());
  EXPECT_EQ(world.summary.quarantined.size(), 1U);
}

TEST(RecoveryDamage, ARuinedSegmentIsAGapOfExactlyItsRange) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.write(2, true);
  world.stop();
  ruin(world, "/data/journal/00000000000000000021/");
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 41, 51}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 40)}));
  world.start();
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 40)}));
  EXPECT_TRUE(world.summary.quarantined.empty());
}

TEST(RecoveryDamage, ARuinedNewestSegmentIsAGapUpToTheWitness) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.stop();
  ruin(world, "/data/journal/00000000000000000021/");
  world.start();
  EXPECT_EQ(world.sink.bases(), (Bases{1, 11}));
  EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 40)}));
}

TEST(RecoveryDamage, ARuinedNewestSegmentBelowTheCheckpointIsOneLossAtEveryStart) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(40, {{"a", "1"}});
  world.stop();
  ruin(world, "/data/journal/00000000000000000021/");
  for (int start = 0; start < 2; ++start) {
    world.start();
    EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 40)}));
  }
}

TEST(RecoveryDamage, ARuinedNewestSegmentWithoutWitnessIsNotPassedOverInSilence) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.stop();
  ruin(world, "/data/journal/00000000000000000021/");
  ASSERT_TRUE(world.disk.RemoveFile("/data/witness").ok());
  for (int start = 0; start < 2; ++start) {
    world.start();
    EXPECT_EQ(world.sink.bases(), (Bases{1, 11}));
    EXPECT_EQ(world.summary.gaps, (Gaps{gap(21, 21)}));
  }
}

// Goal: a full disk during a salvage refuses the start; it must not count as damage.
TEST(RecoveryDamage, AFullDiskDuringSalvageCostsNothing) {
  for (std::uint64_t room = 0; room < 24'000; room += 400) {
    SCOPED_TRACE("room " + std::to_string(room));
    World world;
    world.start();
    for (int i = 0; i < 4; ++i) world.write(2);
    world.stop();
    const auto spot = world.find_on_disk(31);
    world.disk.flip_bit(spot.path, spot.offset, 0);
    world.disk.full_after(world.disk.bytes_used() + room);
    const Status started = world.try_start();
    if (!started.ok()) {
      EXPECT_EQ(started.error().code, ErrorCode::kIo) << started.error().text();
      EXPECT_FALSE(has_file_like(world, kSalvageSuffix.data()));
      EXPECT_FALSE(has_file_like(world, kRebuiltSuffix.data()) &&
                   !has_file_like(world, kQuarantinedSuffix.data()));
    }
    world.disk.full_after(std::nullopt);
    world.start();
    EXPECT_EQ(world.sink.bases(), (Bases{1, 11, 21, 41, 51, 61, 71}));
    EXPECT_EQ(world.summary.gaps, (Gaps{gap(31, 40)}));
  }
}

// What a check of the whole journal reads, beside what a start needs.
TEST(RecoveryEverything, BlocksAndDamageBeforeTheCheckpointAreFound) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(40, {{"a", "1"}});
  world.write(1);
  world.stop();
  const auto spot = world.find_on_disk(11);
  world.disk.flip_bit(spot.path, spot.offset, 0);
  world.start();
  EXPECT_EQ(world.sink.bases(), Bases{41});
  EXPECT_TRUE(world.summary.gaps.empty());
  world.stop();

  auto store = JournalStore::open(world.options);
  ASSERT_TRUE(store.ok());
  journal_test::CollectingSink sink;
  const auto summary = (*store)->recover(sink, Replay::kEverything);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(sink.rows.size(), 1U);
  EXPECT_EQ(sink.bases(), (Bases{1, 21, 31, 41}));
  EXPECT_EQ(summary->gaps, (Gaps{gap(11, 20)}));
  EXPECT_EQ(summary->applied, Sequence{40});
  EXPECT_EQ(summary->witness, WitnessVerdict::kAgrees);
}

TEST(RecoveryEverything, ADamagedStateWithoutSnapshotRefusesAStartButNoCheck) {
  World world;
  lose_state_and_first_segment(world);
  auto store = JournalStore::open(world.options);
  ASSERT_TRUE(store.ok());
  journal_test::CollectingSink sink;
  const auto summary = (*store)->recover(sink, Replay::kEverything);
  ASSERT_TRUE(summary.ok()) << summary.error().text();
  EXPECT_EQ(sink.bases(), (Bases{21, 31}));
  EXPECT_EQ(summary->quarantined.size(), 1U);
}

}  // namespace
}  // namespace capstan
