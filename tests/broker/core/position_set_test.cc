#include "capstan/core/position_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "capstan/base/random.h"

namespace capstan {
namespace {

using Spans = std::vector<PositionSet::Span>;

// Goal: whatever is added in whatever order, the set is the one that std::set would be.
TEST(PositionSet, IsTheSameSetAsTheOracleAfterEveryRandomAdd) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    PositionSet set;
    std::set<std::uint64_t> oracle;
    for (int step = 0; step < 120; ++step) {
      const std::uint64_t first = random.below(100);
      const std::uint64_t last = first + random.below(8);
      set.add(first, last);
      for (std::uint64_t n = first; n <= last; ++n) {
        if (n > 0) oracle.insert(n);
      }
      ASSERT_EQ(set.count(), oracle.size()) << "seed " << seed << " step " << step;
      for (std::uint64_t n = 0; n < 112; ++n) {
        ASSERT_EQ(set.contains(n), oracle.contains(n)) << "seed " << seed << " number " << n;
      }
      ASSERT_EQ(set.highest(), oracle.empty() ? 0 : *oracle.rbegin());
      ASSERT_FALSE(oracle.contains(set.floor() + 1)) << "the floor is as high as it can be";
      std::uint64_t before = set.floor();
      for (const PositionSet::Span& span : set.spans()) {
        ASSERT_GT(span.first, before + 1) << "spans neither touch nor overlap";
        ASSERT_GE(span.last, span.first);
        before = span.last;
      }
      ASSERT_EQ(PositionSet(set.floor(), set.spans()), set);
      ASSERT_EQ(PositionSet(set.floor(), set.spans()).count(), set.count());
      ASSERT_EQ(set.intervals(), set.spans().size() + (set.floor() > 0 ? 1 : 0));
    }
  }
}

TEST(PositionSet, NumberZeroIsInNoSet) {
  PositionSet set;
  set.add(0, 0);
  EXPECT_EQ(set, PositionSet());
  set.add(0, 3);
  EXPECT_FALSE(set.contains(0));
  EXPECT_EQ(set.floor(), 3U);
}

TEST(PositionSet, AnEmptyRangeAddsNothing) {
  PositionSet set;
  set.add(5, 4);
  EXPECT_EQ(set, PositionSet());
}

TEST(PositionSet, WhatIsAddedInOrderCostsNoSpan) {
  PositionSet set;
  for (std::uint64_t n = 1; n <= 1000; ++n) set.add(n, n);
  EXPECT_TRUE(set.spans().empty());
  EXPECT_EQ(set.floor(), 1000U);
}

TEST(PositionSet, TheFloorTakesUpWhatItReaches) {
  PositionSet set;
  set.add(2, 3);
  set.add(5, 6);
  EXPECT_EQ(set.floor(), 0U);
  EXPECT_EQ(set.spans(), (Spans{{2, 3}, {5, 6}}));
  set.add(1, 1);
  EXPECT_EQ(set.floor(), 3U);
  set.add(4, 4);
  EXPECT_EQ(set.floor(), 6U);
  EXPECT_TRUE(set.spans().empty());
}

TEST(PositionSet, TheLargestNumberIsOneOfMany) {
  PositionSet set;
  set.add(UINT64_MAX, UINT64_MAX);
  set.add(5, 6);
  set.add(1, 2);
  EXPECT_TRUE(set.contains(UINT64_MAX));
  EXPECT_FALSE(set.contains(UINT64_MAX - 1));
  EXPECT_EQ(set.floor(), 2U);
  EXPECT_EQ(set.highest(), UINT64_MAX);
  EXPECT_EQ(set.count(), 5U);
}

// ---- Many intervals ----

/// Every second number of 2 … 2 × `count`.
std::vector<std::uint64_t> even_numbers(std::uint64_t count) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 1; n <= count; ++n) numbers.push_back(2 * n);
  return numbers;
}

/// What one add moves: a piece or two, and the list of pieces.
void expect_cheap_adds(const PositionSet& set) {
  const std::vector<std::size_t> sizes = set.piece_sizes();
  std::size_t spans = 0;
  for (const std::size_t size : sizes) {
    EXPECT_LE(size, PositionSet::kSpansPerPieceMax);
    spans += size;
  }
  EXPECT_LE(sizes.size(), 2 + spans / (PositionSet::kSpansPerPieceMax / 8));
}

// Goal: urgent mail that is settled among as much that waits costs no more for each than the last.
// Method: from above, which is the worst order for one array, and from below; then what lies
// between.
TEST(PositionSet, AnAddAmongManyIntervalsMovesFewOfThem) {
  constexpr std::uint64_t kCount = 400'000;
  for (const bool from_above : {true, false}) {
    std::vector<std::uint64_t> numbers = even_numbers(kCount);
    if (from_above) std::reverse(numbers.begin(), numbers.end());
    PositionSet set;
    std::size_t added = 0;
    for (const std::uint64_t n : numbers) {
      set.add(n, n);
      if (++added % 50'000 == 0) expect_cheap_adds(set);
    }
    EXPECT_EQ(set.count(), kCount);
    EXPECT_EQ(set.spans().size(), kCount);
    for (const std::uint64_t n : numbers) {
      set.add(n - 1, n - 1);
      if (++added % 50'000 == 0) expect_cheap_adds(set);
    }
    EXPECT_EQ(set.floor(), 2 * kCount);
    EXPECT_TRUE(set.piece_sizes().empty());
  }
}

TEST(PositionSet, InRandomOrderManyIntervalsGrowTogether) {
  constexpr std::uint64_t kCount = 100'000;
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 1; n <= kCount; ++n) numbers.push_back(n);
  Random random(3);
  for (std::size_t i = numbers.size(); i > 1; --i) {
    std::swap(numbers[i - 1], numbers[static_cast<std::size_t>(random.below(i))]);
  }
  PositionSet set;
  std::size_t added = 0;
  for (const std::uint64_t n : numbers) {
    ASSERT_FALSE(set.contains(n));
    set.add(n, n);
    ASSERT_TRUE(set.contains(n));
    if (++added % 10'000 == 0) expect_cheap_adds(set);
  }
  EXPECT_EQ(set.floor(), kCount);
}

TEST(PositionSet, OneAddTakesUpManyIntervals) {
  PositionSet set;
  for (const std::uint64_t n : even_numbers(10'000)) set.add(n, n);
  set.add(101, 19'899);
  EXPECT_EQ(set.count(), 10'000U + 9'900U);
  EXPECT_TRUE(set.contains_all(100, 19'900));
  EXPECT_FALSE(set.contains(99) || set.contains(19'901));
  expect_cheap_adds(set);
  EXPECT_EQ(PositionSet(set.floor(), set.spans()), set);
}

TEST(PositionSet, MissingNumbersAreThoseThatItDoesNotContain) {
  PositionSet set;
  set.add(1, 3);
  set.add(6, 8);
  set.add(12, 12);
  for (std::uint64_t first = 1; first <= 15; ++first) {
    for (std::uint64_t last = first; last <= 15; ++last) {
      std::uint64_t missing = 0;
      for (std::uint64_t n = first; n <= last; ++n) missing += set.contains(n) ? 0U : 1U;
      EXPECT_EQ(set.missing(first, last), missing) << first << " to " << last;
    }
  }
}

TEST(PositionSet, TheNextMissingNumberIsTheFirstThatItDoesNotContain) {
  PositionSet set;
  EXPECT_EQ(set.next_missing(1), 1U);
  set.add(1, 3);
  set.add(6, 8);
  set.add(10, 10);
  for (std::uint64_t from = 1; from <= 15; ++from) {
    std::uint64_t missing = from;
    while (set.contains(missing)) ++missing;
    EXPECT_EQ(set.next_missing(from), missing) << from;
  }
}

TEST(PositionSet, FillingTheLowestHoleRaisesTheFloorOverTheIntervalAboveIt) {
  PositionSet set;
  set.fill_lowest_hole();
  EXPECT_TRUE(set.empty()) << "there is no hole";
  set.add(4, 5);
  set.add(9, 9);
  set.fill_lowest_hole();
  EXPECT_EQ(set.floor(), 5U);
  EXPECT_FALSE(set.contains(8));
  set.fill_lowest_hole();
  EXPECT_EQ(set.floor(), 9U);
  EXPECT_EQ(set, PositionSet(9, {}));
}

}  // namespace
}  // namespace capstan
