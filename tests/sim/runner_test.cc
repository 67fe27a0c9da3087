#include "runner.h"

#include <gtest/gtest.h>

namespace capstan::sim {
namespace {

RunPlan plan_of(std::uint64_t seeds, std::uint64_t jobs) {
  RunPlan plan;
  plan.first = 21;
  plan.seeds = seeds;
  plan.events = 300;
  plan.jobs = jobs;
  return plan;
}

TEST(Runner, TheResultIsTheSameOnAnyNumberOfThreads) {
  const RunSummary one = Runner(plan_of(12, 1)).run();
  for (const std::uint64_t jobs : {2U, 5U}) {
    const RunSummary several = Runner(plan_of(12, jobs)).run();
    EXPECT_EQ(several.trace_hash, one.trace_hash) << jobs;
    EXPECT_EQ(several.seeds, 12U);
    EXPECT_EQ(several.steps, one.steps);
    EXPECT_EQ(several.events, one.events);
    EXPECT_EQ(several.events_min, one.events_min);
    EXPECT_EQ(several.counts.text(), one.counts.text());
  }
}

TEST(Runner, TheHashIsThatOfEachSeedInItsOrder) {
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  for (const std::uint64_t seed : {21U, 22U, 23U}) {
    const Outcome outcome = run_seed(seed, 300);
    hash = hash * 31 + outcome.trace_hash;
    events += outcome.events;
  }
  const RunSummary summary = Runner(plan_of(3, 2)).run();
  EXPECT_EQ(summary.trace_hash, hash);
  EXPECT_EQ(summary.events, events);
  EXPECT_TRUE(summary.violations.empty());
}

TEST(Runner, GoesOnUntilTheProcessorTimeIsSpent) {
  RunPlan plan = plan_of(1, 2);
  plan.cpu_seconds = static_cast<std::uint64_t>(std::clock() / CLOCKS_PER_SEC) + 1;
  EXPECT_GT(Runner(plan).run().seeds, 1U);
}

}  // namespace
}  // namespace capstan::sim
