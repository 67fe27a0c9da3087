// capstan_sim: many seeds, or one of them again with everything it does.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "runner.h"

namespace {

using capstan::sim::RunPlan;
using capstan::sim::RunSummary;

/// Fewer seeds need not meet everything.
constexpr std::uint64_t kSeedsForAllCounts = 100;

// A failed CAPSTAN_CHECK aborts: the seed has to be known then, too.
extern "C" void tell_seed(int) {
  std::array<char, 64> line{};
  const int length = std::snprintf(line.data(), line.size(), "aborted in seed %llu\n",
                                   static_cast<unsigned long long>(capstan::sim::current_seed()));
  if (length > 0) static_cast<void>(!write(2, line.data(), static_cast<std::size_t>(length)));
}

std::string text_of(std::uint64_t number) { return std::to_string(number); }

int run(const RunPlan& plan) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const RunSummary summary = capstan::sim::Runner(plan).run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double cpu = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  for (const auto& violation : summary.violations) {
    const std::string seed = text_of(violation.seed);
    std::printf("seed %s VIOLATED: %s\n  replay: capstan_sim --seed %s --events %s --trace\n",
                seed.c_str(), violation.what.c_str(), seed.c_str(), text_of(plan.events).c_str());
  }
  std::fputs(summary.counts.text().c_str(), stdout);
  const std::string missing = summary.counts.missing();
  const bool poor = summary.seeds >= kSeedsForAllCounts && !missing.empty();
  if (summary.seeds > 1 && !missing.empty()) std::printf("never happened: %s\n", missing.c_str());
  std::printf("events handed to the hub: %s, %s a seed, at least %s\n",
              text_of(summary.events).c_str(), text_of(summary.events / summary.seeds).c_str(),
              text_of(summary.events_min).c_str());
  const bool short_lived = summary.events_min < plan.events / 2;
  const bool clean = summary.violations.empty() && !poor && !short_lived;
  std::printf("%s: seeds %s to %s, %s steps, trace %016llx, %.1f s (%.1f s of processor time)\n",
              clean ? "clean" : "FAILED", text_of(plan.first).c_str(),
              text_of(plan.first + summary.seeds - 1).c_str(), text_of(summary.steps).c_str(),
              static_cast<unsigned long long>(summary.trace_hash), took.count(), cpu);
  return clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates hubs, clients, disks and networks, and audits the hub's promises."};
  RunPlan plan;
  plan.jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t seed = 0;
  double cpu_minutes = 0;
  bool trace = false;
  app.add_option("--seeds", plan.seeds, "How many seeds to run, at least")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--cpu-minutes", cpu_minutes, "Processor time to spend, at least")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--first-seed", plan.first, "The first of them")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--jobs", plan.jobs, "Threads; the result does not depend on their number")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  auto* one = app.add_option("--seed", seed, "Run this seed alone")->check(CLI::PositiveNumber);
  app.add_option("--events", plan.events,
                 "Steps of each world before it is healed; at least half as many reach the hub")
      ->capture_default_str();
  app.add_flag("--keep-going", plan.keep_going, "Do not end with the first violation");
  app.add_flag("--trace", trace, "Print everything that happens, to stderr");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGABRT, tell_seed);
  plan.cpu_seconds = static_cast<std::uint64_t>(cpu_minutes * 60);
  plan.shows_progress = true;
  if (one->count() > 0) {
    plan.first = seed;
    plan.seeds = 1;
  }
  if (trace) {
    plan.jobs = 1;
    plan.trace = stderr;
  }
  return run(plan);
}
