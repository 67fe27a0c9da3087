// What the simulator has found, as cases of their own.
#include <gtest/gtest.h>

#include "capstan/journal/store.h"
#include "memory_env.h"
#include "world.h"

namespace capstan::sim {
namespace {

class NoSink final : public RecoverySink {
 public:
  Status row(Bytes, Bytes) override { return {}; }
  Status block(const SharedBlock&) override {
    ++blocks;
    return {};
  }

  std::size_t blocks = 0;
};

Commit one_block_commit() {
  auto block = std::make_shared<Block>();
  block->base = Sequence{1};
  block->record_count = 1;
  block->records = ByteBuffer(100, 7);
  Commit commit;
  commit.number = CommitNumber{1};
  commit.opens_segment = true;
  commit.blocks.push_back(std::move(block));
  return commit;
}

// Goal: a sync that fails while a segment is being opened costs nothing but that start.
// Method: fail every sync of a start, one after the other; the next start finds all blocks, sound.
// LevelDB removes its new manifest when the sync behind the rename of CURRENT fails.
TEST(SimulatorFound, FailedDirectorySyncDuringAStartLeavesTheSegmentReadable) {
  for (std::uint64_t fails_at = 0; fails_at < 24; ++fails_at) {
    MemoryEnv env;
    JournalOptions options;
    options.directory = "/data";
    options.env = &env;
    NoSink before;
    {
      auto store = JournalStore::open(options);
      ASSERT_TRUE(store);
      ASSERT_TRUE((*store)->recover(before));
      ASSERT_TRUE((*store)->commit(one_block_commit()));
    }
    env.fail_sync_after(fails_at);
    if (auto store = JournalStore::open(options)) {
      NoSink sink;
      static_cast<void>((*store)->recover(sink).ok());
    }
    env.fail_sync_after(std::nullopt);
    auto store = JournalStore::open(options);
    ASSERT_TRUE(store) << store.error().text();
    NoSink after;
    const auto summary = (*store)->recover(after);
    ASSERT_TRUE(summary) << summary.error().text();
    EXPECT_EQ(after.blocks, 1U) << fails_at;
    EXPECT_TRUE(summary->gaps.empty()) << fails_at;
    EXPECT_TRUE(summary->quarantined.empty()) << fails_at;
  }
}

// A read that failed once was never repeated, and its receiver waited for ever.
TEST(SimulatorFound, ReadErrorThatPassesDoesNotKeepMailFromItsReceiver) {
  for (const std::uint64_t seed : {58U, 153U, 213U}) {
    EXPECT_EQ(run_seed(seed, 4000).violation, "") << seed;
  }
}

// A number that was refused while a later one was stored came again after a reconnect, and the
// later one was stored a second time.
TEST(SimulatorFound, NumbersAboveAnOpenOneAreNotStoredAgainAfterAReconnect) {
  for (const std::uint64_t seed : {10U, 12U, 13U, 15U, 26U, 35U}) {
    EXPECT_EQ(run_seed(seed, 4000).violation, "") << seed;
  }
}

// An agent was removed before the sender had heard that its mail was stored (22); one was removed
// and added again while its client was away (91, 373).
TEST(SimulatorFound, WhatIsStoredIsNeitherRefusedNorStoredAgainWhenAgentsAreRemoved) {
  for (const std::uint64_t seed : {22U, 91U, 373U}) {
    EXPECT_EQ(run_seed(seed, 4000).violation, "") << seed;
  }
}

// A start from a snapshot went by commits that were on disk and that nobody had heard of: the
// auditor missed them.
TEST(SimulatorFound, AStartFromASnapshotLeavesNoHoleInWhatTheAuditorKnows) {
  EXPECT_EQ(run_seed(1809, 4000).violation, "");
}

// LevelDB had not found room for a table of cold/ in the background, and said so at the next write,
// when there was some.
TEST(SimulatorFound, AnErrorThatIsOverFailsNoDropOfACopy) {
  EXPECT_EQ(run_seed(5662, 4000).violation, "");
}

// The disk was nearly full, and a notice was dropped that was not to be stored.
TEST(SimulatorFound, AFullDiskDropsNoNoticeThatIsNotStored) {
  for (const std::uint64_t seed : {47U, 255U}) {
    EXPECT_EQ(run_seed(seed, 4000).violation, "") << seed;
  }
}

}  // namespace
}  // namespace capstan::sim
