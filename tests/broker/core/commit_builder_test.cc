#include "commit_builder.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

void add(CommitBuilder& builder, std::size_t bytes, std::uint64_t wall_ns = 5) {
  Block& block = builder.add_record(bytes, wall_ns);
  block.records.resize(block.records.size() + bytes);
}

TEST(CommitBuilder, IsEmptyUntilARecordComes) {
  CommitBuilder builder(Sequence{10});
  EXPECT_TRUE(builder.empty());
  EXPECT_TRUE(builder.take().empty());
  add(builder, 100);
  EXPECT_FALSE(builder.empty());
  EXPECT_EQ(builder.bytes(), 100U);
  EXPECT_EQ(builder.next(), Sequence{11});
}

TEST(CommitBuilder, BlocksHoldConsecutiveSequencesWithinTheirLimit) {
  CommitBuilder builder(Sequence{10});
  for (int i = 0; i < 100; ++i) add(builder, 5000, static_cast<std::uint64_t>(i));
  const auto blocks = builder.take();
  ASSERT_GT(blocks.size(), 1U);
  std::uint64_t next = 10;
  for (const SharedBlock& block : blocks) {
    EXPECT_EQ(block->base, Sequence{next});
    EXPECT_LE(block->records.size(), kBlockBytesMax);
    EXPECT_EQ(block->records.size(), block->record_count * 5000U);
    EXPECT_EQ(block->time_first_ns, next - 10);
    next += block->record_count;
    EXPECT_EQ(block->time_last_ns, next - 11);
  }
  EXPECT_EQ(next, 110U);
  EXPECT_EQ(builder.next(), Sequence{110});
}

TEST(CommitBuilder, TheTimesOfABlockCoverItsRecordsAlsoWhenTheClockStepsBack) {
  CommitBuilder builder(Sequence{1});
  for (const std::uint64_t wall_ns : {500U, 900U, 200U, 300U}) add(builder, 10, wall_ns);
  const auto blocks = builder.take();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0]->time_first_ns, 200U);
  EXPECT_EQ(blocks[0]->time_last_ns, 900U);
}

TEST(CommitBuilder, WhatStandsBehindASnapshotIsCountedWithoutIt) {
  CommitBuilder builder(Sequence{1});
  builder.begin_snapshot();
  add(builder, 700);
  EXPECT_EQ(builder.bytes_behind_snapshot(), 700U) << "it has not ended";
  builder.end_snapshot();
  EXPECT_EQ(builder.bytes_behind_snapshot(), 0U);
  add(builder, 30);
  EXPECT_EQ(builder.bytes(), 730U);
  EXPECT_EQ(builder.bytes_behind_snapshot(), 30U);
  (void)builder.take();
  add(builder, 5);
  EXPECT_EQ(builder.bytes_behind_snapshot(), 5U);
}

TEST(CommitBuilder, ABlockIsFilledToTheLastByte) {
  CommitBuilder builder(Sequence{1});
  add(builder, kBlockBytesMax - 100);
  add(builder, 100);
  add(builder, 1);
  const auto blocks = builder.take();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0]->records.size(), kBlockBytesMax);
  EXPECT_EQ(blocks[1]->records.size(), 1U);
}

TEST(CommitBuilder, ALargeRecordStandsAlone) {
  CommitBuilder builder(Sequence{1});
  add(builder, 10);
  add(builder, kBlockBytesMax + 1);
  add(builder, 10);
  const auto blocks = builder.take();
  ASSERT_EQ(blocks.size(), 3U);
  for (const SharedBlock& block : blocks) EXPECT_EQ(block->record_count, 1U);
}

TEST(CommitBuilder, TakeEmptiesItAndSequencesGoOn) {
  CommitBuilder builder(Sequence{1});
  add(builder, 10);
  add(builder, 10);
  EXPECT_EQ(builder.take().size(), 1U);
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(builder.bytes(), 0U);
  add(builder, 10);
  EXPECT_EQ(builder.take().front()->base, Sequence{3});
}

TEST(CommitBuilder, WhatFollowsASnapshotBeginsABlock) {
  CommitBuilder builder(Sequence{1});
  builder.begin_snapshot();
  add(builder, 10);
  add(builder, kBlockBytesMax);
  EXPECT_EQ(builder.snapshot_blocks(), 0U) << "it has not ended";
  builder.end_snapshot();
  EXPECT_EQ(builder.snapshot_blocks(), 2U);
  add(builder, 10);
  add(builder, 10);
  const auto blocks = builder.take();
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[2]->record_count, 2U);
  EXPECT_EQ(builder.snapshot_blocks(), 0U);
}

TEST(CommitBuilder, OnlyTheFirstBlockOfASnapshotIsMarked) {
  CommitBuilder builder(Sequence{1});
  builder.begin_snapshot();
  add(builder, 10);
  add(builder, kBlockBytesMax);
  const auto blocks = builder.take();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_TRUE(blocks[0]->snapshot_begins);
  EXPECT_FALSE(blocks[1]->snapshot_begins);
  add(builder, 10);
  EXPECT_FALSE(builder.take().front()->snapshot_begins);
}

}  // namespace
}  // namespace capstan
