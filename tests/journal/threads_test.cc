#include "capstan/journal/threads.h"

#include <poll.h>

#include "journal_world.h"

namespace capstan {
namespace {

using journal_test::sequences;
using journal_test::World;

// Waits for `count` results; the eventfd is what wakes.
std::vector<JournalResult> collect(JournalThreads& threads, std::size_t count) {
  std::vector<JournalResult> results;
  while (results.size() < count) {
    pollfd wake{threads.wake_fd(), POLLIN, 0};
    if (::poll(&wake, 1, 10'000) != 1) break;
    threads.drain(results);
  }
  EXPECT_EQ(results.size(), count);
  return results;
}

Commit numbered(std::uint64_t number) {
  Commit commit;
  commit.number = CommitNumber{number};
  commit.opens_segment = number == 1;
  commit.blocks = {journal_test::make_block((number - 1) * journal_test::kRecordsPerBlock + 1)};
  return commit;
}

TEST(JournalThreads, CommitsAreAnsweredInOrder) {
  World world;
  world.start();
  JournalThreads threads(*world.store);
  for (std::uint64_t number = 1; number <= 20; ++number) threads.commit(numbered(number));
  std::uint64_t expected = 1;
  for (const JournalResult& result : collect(threads, 20)) {
    EXPECT_EQ(std::get<Committed>(result).number, CommitNumber{expected++});
  }
  std::vector<JournalResult> none;
  EXPECT_EQ(threads.drain(none), 0U);
  pollfd wake{threads.wake_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&wake, 1, 0), 0);
}

TEST(JournalThreads, EveryRequestOfTheReaderIsAnswered) {
  World world;
  world.start();
  world.write(2);
  world.write(2, true);
  JournalThreads threads(*world.store);
  threads.read(ReadId{5}, sequences({11, 21}));
  threads.read(ReadId{6}, sequences({999}));
  threads.checkpoint({Sequence{40}, {{"a", "1"}}, {}});
  threads.drop_segment(Sequence{1});
  threads.drop_segment(Sequence{21});
  const auto results = collect(threads, 5);
  const auto& read = std::get<ReadDone>(results.at(0));
  EXPECT_EQ(read.id, ReadId{5});
  EXPECT_EQ(read.blocks.size(), 2U);
  EXPECT_FALSE(read.error);
  EXPECT_EQ(std::get<ReadDone>(results.at(1)).error->code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::get<CheckpointDone>(results.at(2)).error);
  EXPECT_FALSE(std::get<SegmentDropped>(results.at(3)).error);
  EXPECT_EQ(std::get<SegmentDropped>(results.at(4)).error->code, ErrorCode::kWrongState);
}

TEST(JournalThreads, AfterAFailureEveryCommitIsUnknown) {
  World world;
  world.start();
  world.write(1);
  world.disk.fail_sync_after(0);
  JournalThreads threads(*world.store);
  threads.commit(numbered(2));
  threads.commit(numbered(3));
  for (const JournalResult& result : collect(threads, 2)) {
    EXPECT_EQ(std::get<CommitUnknown>(result).error.code, ErrorCode::kIo);
  }
}

TEST(JournalThreads, WhatIsQueuedIsFinishedBeforeTheEnd) {
  World world;
  world.start();
  {
    JournalThreads threads(*world.store);
    for (std::uint64_t number = 1; number <= 30; ++number) threads.commit(numbered(number));
  }
  EXPECT_EQ(world.store->segments().back().last, Sequence{300});
}

// Goal: a census may find more segments to drop than the reader's queue holds.
TEST(JournalThreads, AnyNumberOfDropsIsTakenAndKeepsNoReadWaiting) {
  constexpr std::size_t kDrops = kQueuedReaderJobsMax + 1000;
  World world;
  world.start();
  world.write(2);
  JournalThreads threads(*world.store);
  world.disk.stall_syncs(true);
  threads.checkpoint({Sequence{20}, {{"a", "1"}}, {}});
  world.disk.wait_for_stalled_sync();
  for (std::uint64_t n = 0; n < kDrops; ++n) threads.drop_segment(Sequence{1000 + n}, Keep::kCold);
  threads.read(ReadId{1}, sequences({1}));
  world.disk.stall_syncs(false);
  const auto results = collect(threads, kDrops + 2);
  EXPECT_TRUE(std::holds_alternative<CheckpointDone>(results.at(0)));
  EXPECT_TRUE(std::holds_alternative<ReadDone>(results.at(1)));
  std::uint64_t expected = 1000;
  for (std::size_t i = 2; i < results.size(); ++i) {
    ASSERT_EQ(std::get<SegmentDropped>(results[i]).first, Sequence{expected++});
  }
}

TEST(JournalThreads, ReadsRunBesideCommits) {
  World world;
  world.start();
  JournalThreads threads(*world.store);
  threads.commit(numbered(1));
  static_cast<void>(collect(threads, 1));
  for (std::uint64_t number = 2; number <= 40; ++number) {
    threads.commit(numbered(number));
    threads.read(ReadId{number}, sequences({1}));
  }
  for (const JournalResult& result : collect(threads, 78)) {
    const auto* read = std::get_if<ReadDone>(&result);
    EXPECT_TRUE(read == nullptr || read->blocks.size() == 1);
  }
}

TEST(JournalThreads, ACommitThatAsksForItIsToldAsWrittenFirst) {
  World world;
  world.start();
  JournalThreads threads(*world.store);
  Commit asks = numbered(2);
  asks.tells_written = true;
  threads.commit(numbered(1));
  threads.commit(asks);
  const auto results = collect(threads, 3);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(std::get<Committed>(results[0]).number, CommitNumber{1});
  EXPECT_EQ(std::get<Written>(results[1]).number, CommitNumber{2});
  EXPECT_EQ(std::get<Committed>(results[2]).number, CommitNumber{2});
}

}  // namespace
}  // namespace capstan
