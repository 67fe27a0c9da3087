// The promises of README.md, over many seeds; and that the auditor would notice.
#include <gtest/gtest.h>

#include "world.h"

namespace capstan::sim {
namespace {

constexpr std::uint64_t kSteps = 3000;

// Goal: no schedule of crashes, lost links, bad disks and hostile peers breaks a promise.
// Method: a world for each seed, until everything has happened that worlds are made for;
//         `capstan_sim --seeds 1000` does the same for more of them.
TEST(Simulation, EveryPromiseHoldsOverManySeeds) {
  Counts counts;
  for (std::uint64_t seed = 1; seed <= 60 || (seed <= 240 && !counts.missing().empty()); ++seed) {
    const Outcome outcome = run_seed(seed, kSteps);
    counts.add(outcome.counts);
    ASSERT_EQ(outcome.violation, "")
        << "capstan_sim --seed " << seed << " --events " << kSteps << " --trace";
  }
  EXPECT_EQ(counts.missing(), "") << "these never happened, so nothing is known about them";
}

TEST(Simulation, OneSeedRunsTheSameWayTwice) {
  for (const std::uint64_t seed : {3U, 7U, 11U}) {
    const Outcome first = run_seed(seed, kSteps);
    const Outcome second = run_seed(seed, kSteps);
    EXPECT_EQ(first.trace_hash, second.trace_hash);
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_NE(first.trace_hash, run_seed(seed + 1, kSteps).trace_hash);
  }
}

/// What the auditor says in the first seeds of a world that lies; empty when it is fooled.
std::string first_violation(Lie lie) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    if (std::string found = run_seed(seed, kSteps, lie).violation; !found.empty()) return found;
  }
  return {};
}

TEST(Auditor, CatchesAHubThatHearsOfCommitsTooEarly) {
  EXPECT_NE(first_violation(Lie::kEarlyCommitted).find("durable"), std::string::npos);
}

TEST(Auditor, CatchesAHubThatHearsOfWrittenMailTooEarly) {
  const std::string found = first_violation(Lie::kEarlyWritten);
  EXPECT_NE(found, "");
}

TEST(Auditor, CatchesADiskThatDoesNotSync) {
  // What was accepted is gone, or a part of it: both are told by the next start.
  const std::string found = first_violation(Lie::kUnsyncedDisk);
  EXPECT_NE(found.find("a start"), std::string::npos) << found;
}

TEST(Auditor, CatchesALinkThatLosesABodyInTheMiddle) {
  EXPECT_NE(first_violation(Lie::kLostBody), "");
}

TEST(Auditor, CatchesAnEnvelopeThatIsAlteredOnItsWay) {
  EXPECT_NE(first_violation(Lie::kAlteredBody), "");
}

}  // namespace
}  // namespace capstan::sim
