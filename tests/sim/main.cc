// capstan_sim: many seeds, or one of them again with everything it does.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "world.h"

namespace {

using capstan::sim::Outcome;
using capstan::sim::run_seed;

// A failed CAPSTAN_CHECK aborts: the seed has to be known then, too.
std::atomic<std::uint64_t> current_seed{0};

extern "C" void tell_seed(int) {
  std::array<char, 64> line{};
  const int length = std::snprintf(line.data(), line.size(), "aborted in seed %llu\n",
                                   static_cast<unsigned long long>(current_seed.load()));
  if (length > 0) static_cast<void>(!write(2, line.data(), static_cast<std::size_t>(length)));
}

int report_violation(std::uint64_t seed, std::uint64_t events, const Outcome& outcome) {
  std::printf("seed %llu VIOLATED: %s\n  replay: capstan_sim --seed %llu --events %llu --trace\n",
              static_cast<unsigned long long>(seed), outcome.violation.c_str(),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(events));
  return 1;
}

int run(std::uint64_t first, std::uint64_t seeds, std::uint64_t events, std::FILE* trace) {
  const auto begin = std::chrono::steady_clock::now();
  capstan::sim::Counts counts;
  std::uint64_t hash = 0;
  std::uint64_t steps = 0;
  int failed = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    current_seed = seed;
    const Outcome outcome = run_seed(seed, events, capstan::sim::Lie::kNone, trace);
    if (!outcome.violation.empty()) failed = report_violation(seed, events, outcome);
    counts.add(outcome.counts);
    hash = hash * 31 + outcome.trace_hash;
    steps += outcome.steps;
    const std::uint64_t done = seed - first + 1;
    if (done % 100 == 0) {
      std::printf("%s seeds\n", std::to_string(done).c_str());
      std::fflush(stdout);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::fputs(counts.text().c_str(), stdout);
  if (seeds > 1 && !counts.missing().empty()) {
    std::printf("never happened: %s\n", counts.missing().c_str());
  }
  std::printf("%s: seeds %llu to %llu, %llu steps, trace %016llx, %.1f s\n",
              failed == 0 ? "clean" : "FAILED", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + seeds - 1),
              static_cast<unsigned long long>(steps), static_cast<unsigned long long>(hash),
              took.count());
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates hubs, clients, disks and networks, and audits the hub's promises."};
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  std::uint64_t events = 4000;
  bool trace = false;
  app.add_option("--seeds", seeds, "How many seeds to run")->capture_default_str();
  app.add_option("--first-seed", first, "The first of them")->capture_default_str();
  auto* one = app.add_option("--seed", seed, "Run this seed alone");
  app.add_option("--events", events, "Steps of each world before it is healed")
      ->capture_default_str();
  app.add_flag("--trace", trace, "Print everything that happens, to stderr");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGABRT, tell_seed);
  if (one->count() > 0) return run(seed, 1, events, trace ? stderr : nullptr);
  return run(first, seeds, events, trace ? stderr : nullptr);
}
