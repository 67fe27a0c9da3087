// Virtual time: what happens next, and what the clocks show.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "capstan/base/clock.h"

namespace capstan::sim {

/// Actions run in the order of their times, and of their making where the times are equal.
class Schedule {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  /// Both clocks; the wall clock runs beside the monotonic one, except for its steps.
  [[nodiscard]] Time now() const { return {now_ns_, now_ns_ + wall_offset_ns_}; }

  void at(std::uint64_t monotonic_ns, Action action);
  void after(std::uint64_t delay_ns, Action action) { at(now_ns_ + delay_ns, std::move(action)); }

  /// Sets the wall clock back or forth.
  void step_wall(std::int64_t ns) { wall_offset_ns_ += static_cast<std::uint64_t>(ns); }

  /// Runs the next action; false when nothing waits.
  bool run_one();

 private:
  struct Entry {
    std::uint64_t at_ns = 0;
    std::uint64_t order = 0;
    Action action;
    bool operator>(const Entry& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };

  std::uint64_t now_ns_ = kNsPerSecond;
  std::uint64_t wall_offset_ns_ = 1'700'000'000 * kNsPerSecond;
  std::uint64_t orders_ = 0;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
};

}  // namespace capstan::sim
