// From the journal on disk to the state in memory, with the real journal on a disk in memory.
#include "recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "hub_life.h"

namespace capstan {
namespace {

using broker_test::Life;
using Numbers = std::vector<std::uint64_t>;

std::size_t files_below(const MemoryEnv& disk, const std::string& folder) {
  std::size_t count = 0;
  for (const std::string& path : disk.files()) count += path.rfind(folder, 0) == 0 ? 1U : 0U;
  return count;
}

/// Flips a bit in every place where this content lies on the disk.
void damage(MemoryEnv& disk, const std::string& content) {
  std::size_t hits = 0;
  for (const std::string& path : disk.files()) {
    const std::size_t at = disk.content(path).find(content);
    if (at == std::string::npos) continue;
    disk.flip_bit(path, at, 3);
    ++hits;
  }
  ASSERT_GT(hits, 0U);
}

TEST(Recovery, AnEmptyFolderIsAnEmptyHub) {
  MemoryEnv disk;
  const Life life(disk);
  EXPECT_TRUE(life.rows_found.empty());
  EXPECT_EQ(life.start.last_commit, CommitNumber{0});
  EXPECT_EQ(life.start.last_sequence, Sequence{0});
  EXPECT_TRUE(life.start.gaps.empty());
  EXPECT_EQ(life.start.open_segment_bytes, 0U);
}

TEST(Recovery, WhatWasAcceptedIsThereAfterAPowerCut) {
  MemoryEnv disk;
  {
    Life life(disk);
    life.post(1, 20);
    EXPECT_EQ(life.accepted, 20U);
    EXPECT_EQ(life.receive().size(), 20U);
    life.acknowledge_up_to(5);
  }
  Random random(3);
  disk.crash(random);
  Life again(disk);
  EXPECT_TRUE(again.start.gaps.empty());
  EXPECT_EQ(again.receive(), (Numbers{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
  again.post(1, 21);
  EXPECT_EQ(
      again.hub->state().find_producer({again.hub->state().find_agent("alice")->id, 7})->floor(),
      21U);
  EXPECT_EQ(again.heard.back(), 21U);
  EXPECT_EQ(again.heard.size(), 16U) << "repetitions are stored once";
}

TEST(Recovery, TheStateFoundIsTheStateThatWas) {
  MemoryEnv disk;
  std::map<std::string, std::string> before;
  Sequence applied;
  {
    Life life(disk, 50'000);
    for (std::uint64_t round = 0; round < 8; ++round) {
      life.post(round * 10 + 1, round * 10 + 10, 2000);
      (void)life.receive();
      life.acknowledge_up_to(7);
      if (round == 5) life.pass_ms(1500);
    }
    before = life.rows();
    applied = life.hub->state().applied();
    EXPECT_GT(life.hub->state().segments().size(), 1U);
  }
  Life again(disk, 50'000);
  EXPECT_EQ(again.rows_found, before);
  EXPECT_EQ(again.start.last_sequence, applied);
  EXPECT_GT(again.summary.applied, Sequence{0}) << "a checkpoint was used";
  EXPECT_GT(again.summary.replayed_blocks, 0U) << "and records after it";
  EXPECT_GT(again.start.open_segment_bytes, 0U);
  EXPECT_LE(again.start.open_segment_bytes, 200'000U) << "of the newest segment alone";
}

TEST(Recovery, IdsGoOnAboveThoseOfTheLastLife) {
  MemoryEnv disk;
  std::uint64_t ceiling = 0;
  {
    Life life(disk);
    life.post(1, 3);
    ceiling = life.now.wall_ns;
  }
  Life again(disk);
  EXPECT_GE(again.start.id_time_ceiling_ns, ceiling);
}

TEST(Recovery, DamageIsAGapThatIsRecordedOnceAndTheRestIsDelivered) {
  MemoryEnv disk;
  const std::string marked = "4 " + std::string(1998, 'x');
  {
    Life life(disk);
    life.post(1, 8, 2000);
  }
  damage(disk, marked);
  std::set<Gap> gaps;
  {
    Life again(disk);
    ASSERT_EQ(again.start.gaps.size(), 1U);
    gaps = again.hub->state().gaps();
    EXPECT_EQ(gaps, std::set<Gap>{again.start.gaps.front()});
    EXPECT_EQ(again.receive(), (Numbers{1, 2, 3, 5, 6, 7, 8}));
    again.acknowledge_up_to(100);
    EXPECT_EQ(again.gap_notices, std::vector<Gap>{again.start.gaps.front()});
    const State& state = again.hub->state();
    const ChannelId bob = mailbox_of(state.find_agent("bob")->id);
    EXPECT_EQ(state.mailboxes().at(bob).pending(), 0U);
    // What comes next gets positions that nobody had before.
    again.post(9, 9);
    EXPECT_EQ(again.heard.back(), 9U);
  }
  Life third(disk);
  EXPECT_TRUE(third.start.gaps.empty()) << "an earlier start has recorded it";
  EXPECT_EQ(third.hub->state().gaps(), gaps);
  EXPECT_EQ(third.receive(), Numbers{9});
}

TEST(Recovery, ASegmentThatIsMissingIsAGapOverAllOfIt) {
  MemoryEnv disk;
  Sequence lost;
  Sequence next;
  {
    Life life(disk, 50'000);
    life.post(1, 100, 2000);
    ASSERT_GE(life.hub->state().segments().size(), 3U);
    auto second = std::next(life.hub->state().segments().begin());
    lost = second->first;
    next = std::next(second)->first;
    life.pass_ms(1500);
  }
  std::string digits = std::to_string(lost.value);
  digits.insert(0, 20 - digits.size(), '0');
  const std::string folder = "/data/journal/" + digits + "/";
  ASSERT_GT(files_below(disk, folder), 0U);
  for (const std::string& path : disk.files()) {
    if (path.rfind(folder, 0) != 0) continue;
    ASSERT_TRUE(disk.RemoveFile(path).ok());
  }
  ASSERT_TRUE(disk.RemoveDir(folder.substr(0, folder.size() - 1)).ok());
  Life again(disk, 50'000);
  const Gap whole{lost, Sequence{next.value - 1}};
  ASSERT_EQ(again.start.gaps.size(), 1U);
  EXPECT_EQ(again.start.gaps.front(), whole);
  const Numbers received = again.receive();
  EXPECT_EQ(received.front(), 1U);
  EXPECT_EQ(received.back(), 100U);
  EXPECT_LT(received.size(), 100U);
}

std::string folder_of(Sequence first) {
  std::string digits = std::to_string(first.value);
  digits.insert(0, 20 - digits.size(), '0');
  return "/data/journal/" + digits;
}

void remove_segment(MemoryEnv& disk, Sequence first) {
  const std::string folder = folder_of(first);
  ASSERT_GT(files_below(disk, folder + "/"), 0U);
  for (const std::string& path : disk.files()) {
    if (path.rfind(folder + "/", 0) != 0) continue;
    ASSERT_TRUE(disk.RemoveFile(path).ok());
  }
  ASSERT_TRUE(disk.RemoveDir(folder).ok());
}

Sequence newest_of(const State& state) { return state.segments().rbegin()->first; }

/// Everything is settled, twenty envelopes come, and segments are dropped: these are there.
void live_on(MemoryEnv& disk, std::uint64_t first) {
  {
    Life life(disk, 50'000);
    EXPECT_TRUE(life.start.gaps.empty());
    (void)life.receive();
    life.acknowledge_up_to(1000);
    life.post(first, first + 19, 2000);
    for (int turn = 0; turn < 10; ++turn) life.pass_ms(1100);
    EXPECT_GT(life.drops, 0U);
  }
  Life again(disk, 50'000);
  EXPECT_TRUE(again.start.gaps.empty());
  EXPECT_EQ(again.receive().size(), 20U);
  EXPECT_EQ(again.heard.front(), first);
}

// Goal: what is accepted after the newest segment was lost is never dropped with the one before it.
TEST(Recovery, AfterTheLossOfTheNewestSegmentNoOtherOneTakesItsPlace) {
  MemoryEnv disk;
  Sequence lost;
  {
    Life life(disk, 50'000);
    life.post(1, 70, 2000);
    lost = newest_of(life.hub->state());
    life.pass_ms(1500);
  }
  remove_segment(disk, lost);
  {
    Life again(disk, 500'000);  // The one before it has room.
    ASSERT_EQ(again.start.gaps.size(), 1U);
    EXPECT_LE(again.start.gaps.front().first, lost);
    const State& state = again.hub->state();
    EXPECT_GT(newest_of(state), lost) << "neither the lost one nor the one before it goes on";
    EXPECT_EQ(again.store->segments().back().first, newest_of(state));
    EXPECT_EQ(std::prev(state.segments().end(), 2)->second, SegmentState::kSealed);
    again.post(71, 75, 2000);
    EXPECT_EQ(again.receive().back(), 75U);
  }
  live_on(disk, 76);
}

TEST(Recovery, WithoutAnySegmentAStartIsRefusedUntilSomebodySaysThatAllIsLost) {
  MemoryEnv disk;
  Sequence last;
  std::vector<Sequence> segments;
  {
    Life life(disk, 50'000);
    life.post(1, 70, 2000);
    life.pass_ms(1500);
    for (const auto& [first, state] : life.hub->state().segments()) segments.push_back(first);
    last = life.hub->state().applied();
  }
  for (const Sequence& first : segments) remove_segment(disk, first);
  for (int start = 0; start < 2; ++start) {
    Life refused;
    EXPECT_EQ(refused.begin(disk, 50'000).error().code, ErrorCode::kDamaged);
  }
  ASSERT_TRUE(disk.CreateDir(folder_of(last)).ok());
  {
    Life again(disk, 50'000);
    EXPECT_EQ(again.start.gaps.front().first, segments.front());
    EXPECT_EQ(again.start.gaps.back().last, last);
    EXPECT_TRUE(again.receive().empty());
    const auto& known = again.hub->state().segments();
    EXPECT_EQ(known.at(last), SegmentState::kSealed);
    EXPECT_GT(newest_of(again.hub->state()), last);
    again.post(71, 75, 2000);
  }
  live_on(disk, 76);
}

// Goal: a segment whose first block is lost is known to the state nevertheless, and is no part of
// the one before it.
TEST(Recovery, ASegmentWhoseBeginningIsLostIsKnownToTheState) {
  MemoryEnv disk;
  Sequence hit;
  {
    Life life(disk, 50'000);
    life.post(1, 70, 2000);
    hit = newest_of(life.hub->state());
  }
  for (const std::string& path : disk.files()) {
    if (path.rfind(folder_of(hit) + "/", 0) != 0) continue;
    for (std::uint64_t at = 0; at < disk.content(path).size(); at += 7) disk.flip_bit(path, at, 3);
  }
  {
    Life again(disk, 50'000);
    ASSERT_EQ(again.start.gaps.size(), 1U);
    EXPECT_EQ(again.start.gaps.front().first, hit);
    EXPECT_EQ(again.hub->state().segments().at(hit), SegmentState::kSealed);
    EXPECT_GT(newest_of(again.hub->state()), hit);
    again.post(71, 75, 2000);
  }
  live_on(disk, 76);
}

TEST(Recovery, ASegmentWhoseDropWasDecidedIsNoGap) {
  MemoryEnv disk;
  {
    Life life(disk, 50'000);
    life.drops_are_left_undone = true;
    life.post(1, 100, 2000);
    (void)life.receive();
    life.acknowledge_up_to(1000);
    life.pass_ms(1500);
    ASSERT_GT(life.drops, 0U);
  }
  Life again(disk, 50'000);
  EXPECT_TRUE(again.start.gaps.empty());
  EXPECT_GT(again.drops, 0U) << "the drop is finished";
  EXPECT_TRUE(again.receive().empty());
}

}  // namespace
}  // namespace capstan
