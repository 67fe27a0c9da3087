#include "capstan/client/interval_set.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "capstan/base/random.h"

namespace capstan {
namespace {

// Goal: the set, and what add() calls new, are those of a plain std::set under any order of ranges.
TEST(IntervalSet, AgreesWithAPlainSet) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    IntervalSet intervals;
    std::set<std::uint64_t> plain;
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t first = 1 + random.below(60);
      const std::uint64_t last = first + random.below(6);
      std::set<std::uint64_t> reported;
      intervals.add(first, last, [&](std::uint64_t a, std::uint64_t b) {
        for (std::uint64_t n = a; n <= b; ++n) EXPECT_TRUE(reported.insert(n).second);
      });
      std::set<std::uint64_t> expected;
      for (std::uint64_t n = first; n <= last; ++n) {
        if (plain.insert(n).second) expected.insert(n);
      }
      ASSERT_EQ(reported, expected) << "seed " << seed;
      for (std::uint64_t n = 1; n < 70; ++n) {
        ASSERT_EQ(intervals.contains(n), plain.contains(n)) << "seed " << seed << ", number " << n;
      }
    }
  }
}

TEST(IntervalSet, RaisingTheFloorForgetsTheIntervalsBelow) {
  IntervalSet set;
  for (std::uint64_t n : {3U, 5U, 7U, 20U}) EXPECT_TRUE(set.add(n));
  set.raise_floor(6);
  EXPECT_EQ(set.floor(), 7U);
  EXPECT_EQ(set.interval_count(), 1U);
  EXPECT_FALSE(set.add(4));
  EXPECT_EQ(set.next_missing(1), 8U);
}

}  // namespace
}  // namespace capstan
