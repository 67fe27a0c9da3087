#include "capstan/core/mail_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "capstan/base/random.h"

namespace capstan {
namespace {

MailRun run_at(std::uint64_t block, std::uint64_t first, std::uint32_t span = 1,
               std::uint32_t expires_s = 0) {
  return {Sequence{block}, Position{first}, span, expires_s};
}

/// The next run, as a hub might come to it.
MailRun random_run(Random& random, const MailRun& before) {
  MailRun run;
  run.block = before.block.plus(1 + random.below(random.below(2) == 0 ? 200 : 100'000));
  run.first = before.first.plus(before.span + (random.below(3) == 0 ? random.below(500) : 0));
  run.span = static_cast<std::uint32_t>(1 + random.below(300));
  if (random.below(2) == 0) {
    run.expires_s = static_cast<std::uint32_t>(1'700'000'000 + random.below(10'000));
  }
  return run;
}

std::deque<MailRun> all_of(const MailRuns& runs) {
  std::deque<MailRun> all;
  for (const MailRun& run : runs) all.push_back(run);
  return all;
}

/// Everything that runs can be asked about one run of the oracle, and about its surroundings.
void expect_found(const MailRuns& runs, const std::deque<MailRun>& oracle, std::size_t index) {
  const MailRun& run = oracle[index];
  for (const Position& inside : {run.first, run.last()}) EXPECT_EQ(*runs.from(inside), run);
  EXPECT_EQ(*runs.from(run.block), run);
  EXPECT_EQ(*runs.reaching(run.block), run);
  const auto above = runs.from(run.last().plus(1));
  const auto later = runs.from(run.block.plus(1));
  if (index + 1 == oracle.size()) {
    EXPECT_TRUE(above == runs.end() && later == runs.end());
    EXPECT_EQ(*runs.reaching(run.block.plus(1'000'000)), run);
  } else {
    EXPECT_EQ(*above, oracle[index + 1]);
    EXPECT_EQ(*later, oracle[index + 1]);
    EXPECT_EQ(*runs.reaching(Sequence{oracle[index + 1].block.value - 1}), run);
  }
}

// Goal: packed or not, the runs are those that a std::deque would hold.
// Method: random pushes, growth of the newest, and pops; compared after every stretch.
TEST(MailRuns, AreTheSameRunsAsTheOracleAfterEveryStretchOfChanges) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    MailRuns runs;
    std::deque<MailRun> oracle;
    MailRun newest;
    for (int stretch = 0; stretch < 60; ++stretch) {
      for (std::uint64_t i = random.below(120); i > 0; --i) {
        newest = random_run(random, newest);
        runs.push_back(newest);
        oracle.push_back(newest);
        newest.span += 2;
        runs.back().span = oracle.back().span = newest.span;
      }
      for (std::uint64_t i = random.below(140); i > 0 && !oracle.empty(); --i) {
        runs.pop_front();
        oracle.pop_front();
      }
      ASSERT_EQ(runs.size(), oracle.size());
      ASSERT_EQ(runs.empty(), oracle.empty());
      ASSERT_EQ(all_of(runs), oracle) << "seed " << seed << " stretch " << stretch;
      if (oracle.empty()) continue;
      ASSERT_EQ(runs.front(), oracle.front());
      ASSERT_EQ(runs.back(), oracle.back());
      for (std::size_t i = 0; i < oracle.size(); i += 1 + random.below(9)) {
        expect_found(runs, oracle, i);
      }
      EXPECT_EQ(*runs.from(Position{1}), oracle.front());
      EXPECT_EQ(*runs.reaching(Sequence{0}), oracle.front()) << "the first, when none is reached";
    }
  }
}

TEST(MailRuns, WithoutRunsNothingIsFound) {
  const MailRuns runs;
  EXPECT_TRUE(runs.begin() == runs.end());
  EXPECT_TRUE(runs.from(Position{1}) == runs.end());
  EXPECT_TRUE(runs.from(Sequence{1}) == runs.end());
  EXPECT_TRUE(runs.reaching(Sequence{1}) == runs.end());
  EXPECT_EQ(runs.bytes(), 0U);
}

TEST(MailRuns, APositionBetweenRunsBelongsToTheOneAboveIt) {
  MailRuns runs;
  runs.push_back(run_at(10, 1, 2));
  runs.push_back(run_at(20, 7, 2));
  EXPECT_EQ(*runs.from(Position{3}), run_at(20, 7, 2));
  EXPECT_EQ(*runs.from(Sequence{11}), run_at(20, 7, 2));
  EXPECT_EQ(*runs.reaching(Sequence{19}), run_at(10, 1, 2));
}

// Goal: ten million envelopes of a backlog whose blocks hold one envelope for each of many agents
// cost little.
TEST(MailRuns, ABacklogOfOneEnvelopeABlockTakesUnderFiveOctetsARun) {
  MailRuns runs;
  constexpr std::uint64_t kRuns = 100'000;
  for (std::uint64_t n = 1; n <= kRuns; ++n) runs.push_back(run_at(n * 10'000, n));
  EXPECT_TRUE(runs.is_long());
  EXPECT_LT(runs.bytes(), 5 * kRuns);
}

TEST(MailRuns, FewRunsAreNotPackedAndTheLastPopGivesPackedMemoryBack) {
  MailRuns runs;
  for (std::uint64_t n = 1; n <= 32; ++n) runs.push_back(run_at(n, n));
  EXPECT_FALSE(runs.is_long());
  const std::size_t short_bytes = runs.bytes();
  for (std::uint64_t n = 33; n <= 5000; ++n) runs.push_back(run_at(n, n));
  EXPECT_TRUE(runs.is_long());
  EXPECT_GT(runs.bytes(), short_bytes);
  while (!runs.empty()) runs.pop_front();
  EXPECT_FALSE(runs.is_long());
  EXPECT_EQ(runs.bytes(), short_bytes);
}

TEST(MailRuns, WhoKeepsUpIsNeverPacked) {
  MailRuns runs;
  for (std::uint64_t n = 1; n <= 10'000; ++n) {
    runs.push_back(run_at(n, n));
    if (n > 20) runs.pop_front();
    ASSERT_FALSE(runs.is_long());
  }
  EXPECT_EQ(runs.size(), 20U);
}

// ---- Octets ----

TEST(MailRunOctets, WhateverStandsInARunComesBack) {
  const std::vector<MailRun> odd = {
      run_at(0, 0, 0),    run_at(UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX),
      run_at(1, 1, 1, 1), run_at(500, 3, 1, UINT32_MAX),
      run_at(400, 2, 7),  run_at(401, 9, 1, 1),
  };
  ByteBuffer octets;
  MailRun before;
  for (const MailRun& run : odd) {
    append_run(octets, before, run);
    before = run;
  }
  Cursor in(octets);
  before = {};
  for (const MailRun& run : odd) {
    before = take_run(in, before);
    EXPECT_EQ(before, run);
  }
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(MailRunOctets, OfACutRunNothingIsTaken) {
  ByteBuffer octets;
  append_run(octets, {}, run_at(70'000, 500, 300, 1'700'000'000));
  for (std::size_t length = 0; length < octets.size(); ++length) {
    Cursor in(Bytes(octets).first(length));
    (void)take_run(in, {});
    EXPECT_FALSE(in.ok()) << length;
  }
}

TEST(MailRunOctets, ANumberWithoutEndAndATooLongSpanAreRefused) {
  const ByteBuffer endless(20, 0x80);
  Cursor in(endless);
  (void)take_run(in, {});
  EXPECT_FALSE(in.ok());
  // A span of 2^32, then a block.
  const ByteBuffer wide{0x80, 0x80, 0x80, 0x80, 0x40, 1};
  Cursor in_wide(wide);
  (void)take_run(in_wide, {});
  EXPECT_FALSE(in_wide.ok());
}

}  // namespace
}  // namespace capstan
