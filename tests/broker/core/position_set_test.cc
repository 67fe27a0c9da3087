#include "capstan/core/position_set.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace capstan
