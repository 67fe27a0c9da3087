// Many seeds, on as many threads as asked for: the result does not depend on how many those are.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "world.h"

namespace capstan::sim {

/// A run goes on until both `seeds` and `cpu_seconds` are reached.
struct RunPlan {
  std::uint64_t first = 1;
  std::uint64_t seeds = 100;
  std::uint64_t cpu_seconds = 0;  ///< Of all threads together.
  std::uint64_t events = 4000;    ///< Of each world, before it is healed.
  std::uint64_t jobs = 1;
  bool keep_going = false;      ///< Otherwise the first violation ends the run.
  std::FILE* trace = nullptr;   ///< Needs one job.
  bool shows_progress = false;  ///< A line on stdout now and then.
};

struct Violation {
  std::uint64_t seed = 0;
  std::string what;
};

/// What the seeds `first` … `first + seeds - 1` made, merged in their order.
struct RunSummary {
  std::uint64_t seeds = 0;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t events = 0;
  std::uint64_t events_min = 0;  ///< Of the seed with the fewest.
  Counts counts;
  std::vector<Violation> violations;
};

class Runner {
 public:
  explicit Runner(const RunPlan& plan) : plan_(plan), next_(plan.first) {}

  [[nodiscard]] RunSummary run();

 private:
  void work();
  /// The next seed; 0 when there is enough.
  [[nodiscard]] std::uint64_t take();
  void put(std::uint64_t seed, Outcome outcome);
  void merge(std::uint64_t seed, const Outcome& outcome);

  const RunPlan plan_;
  std::mutex mutex_;
  std::uint64_t next_;
  bool over_ = false;
  std::map<std::uint64_t, Outcome> waiting_;  // For the outcome of a lower seed.
  RunSummary summary_;
};

/// The seed that the calling thread runs; for a handler of SIGABRT.
[[nodiscard]] std::uint64_t current_seed();

}  // namespace capstan::sim
