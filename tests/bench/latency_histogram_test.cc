#include "latency_histogram.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace capstan::bench {
namespace {

TEST(LatencyHistogram, RefusesWhatIsNoListOfPairs) {
  for (const char* text : {"[1]", "[[1]]", "[[1,2,3]]", "[[-1,2]]", "[[\"a\",2]]",
                           "[[1099511627776,1]]", "[[1,4294967296]]"})
    EXPECT_FALSE(LatencyHistogram::from_json(nlohmann::json::parse(text))) << text;
}

TEST(LatencyHistogram, EmptySaysZero) {
  EXPECT_EQ(LatencyHistogram().count(), 0U);
  EXPECT_EQ(LatencyHistogram().percentile_us(0.5), 0.0);
}

TEST(LatencyHistogram, EveryValueIsKeptToThreeFigures) {
  for (std::uint64_t value = 1; value < 1'000'000'000'000; value += value / 100 + 1) {
    LatencyHistogram histogram;
    histogram.record(value);
    const auto exact_us = static_cast<double>(value) / 1000.0;
    EXPECT_NEAR(histogram.percentile_us(1.0), exact_us, exact_us * 0.001) << value;
  }
}

TEST(LatencyHistogram, WhatIsTooLongCountsAsTheLongest) {
  LatencyHistogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_GT(histogram.percentile_us(1.0), 1e9);
  EXPECT_EQ(histogram.count(), 1U);
}

TEST(LatencyHistogram, PercentilesFollowTheRanks) {
  LatencyHistogram histogram;
  histogram.record(10'000, 99);
  histogram.record(90'000);
  EXPECT_NEAR(histogram.percentile_us(0.50), 10.0, 0.01);
  EXPECT_NEAR(histogram.percentile_us(0.99), 10.0, 0.01);
  EXPECT_NEAR(histogram.percentile_us(1.00), 90.0, 0.09);
}

TEST(LatencyHistogram, TravelsAsJsonAndAddsUp) {
  LatencyHistogram first;
  first.record(5, 3);
  first.record(1'000'000, 2);
  auto copy = LatencyHistogram::from_json(nlohmann::json::parse(first.to_json().dump()));
  ASSERT_TRUE(copy);
  copy->merge(first);
  EXPECT_EQ(copy->count(), 10U);
  EXPECT_EQ(copy->percentile_us(0.6), first.percentile_us(0.6));
  EXPECT_EQ(copy->percentile_us(0.61), first.percentile_us(0.61));
}

}  // namespace
}  // namespace capstan::bench
