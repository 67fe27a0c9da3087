#include "runner.h"

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

namespace capstan::sim {

namespace {

constexpr std::uint64_t kSeedsPerReport = 100;

thread_local volatile std::uint64_t seed_of_thread = 0;

std::uint64_t cpu_seconds() { return static_cast<std::uint64_t>(std::clock() / CLOCKS_PER_SEC); }

}  // namespace

std::uint64_t current_seed() { return seed_of_thread; }

RunSummary Runner::run() {
  std::vector<std::thread> others;
  for (std::uint64_t job = 1; job < plan_.jobs; ++job) others.emplace_back([this] { work(); });
  work();
  for (std::thread& other : others) other.join();
  return std::move(summary_);
}

void Runner::work() {
  while (const std::uint64_t seed = take()) {
    seed_of_thread = seed;
    put(seed, run_seed(seed, plan_.events, Lie::kNone, plan_.trace));
  }
}

std::uint64_t Runner::take() {
  const std::lock_guard lock(mutex_);
  const bool enough = next_ - plan_.first >= plan_.seeds &&
                      (plan_.cpu_seconds == 0 || cpu_seconds() >= plan_.cpu_seconds);
  return over_ || enough ? 0 : next_++;
}

void Runner::put(std::uint64_t seed, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(seed, std::move(outcome));
  while (!waiting_.empty() && waiting_.begin()->first == plan_.first + summary_.seeds) {
    merge(waiting_.begin()->first, waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
  }
}

void Runner::merge(std::uint64_t seed, const Outcome& outcome) {
  // What other threads ran beyond the violation depends on their number.
  if (over_ && !plan_.keep_going) return;
  ++summary_.seeds;
  summary_.trace_hash = summary_.trace_hash * 31 + outcome.trace_hash;
  summary_.steps += outcome.steps;
  summary_.events += outcome.events;
  const bool fewest = summary_.seeds == 1 || outcome.events < summary_.events_min;
  if (fewest) summary_.events_min = outcome.events;
  summary_.counts.add(outcome.counts);
  if (!outcome.violation.empty()) {
    summary_.violations.push_back({seed, outcome.violation});
    over_ = !plan_.keep_going;
  }
  if (plan_.shows_progress && summary_.seeds % kSeedsPerReport == 0) {
    std::printf("%s seeds\n", std::to_string(summary_.seeds).c_str());
    std::fflush(stdout);
  }
}

}  // namespace capstan::sim
