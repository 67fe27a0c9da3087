#include "schedule.h"

#include <algorithm>
#include <utility>

namespace capstan::sim {

void Schedule::at(std::uint64_t monotonic_ns, Action action) {
  entries_.push({std::max(monotonic_ns, now_ns_), ++orders_, std::move(action)});
}

bool Schedule::run_one() {
  if (entries_.empty()) return false;
  // Copied, not moved: top() is const, and the action may add entries.
  const Entry entry = entries_.top();
  entries_.pop();
  now_ns_ = entry.at_ns;
  entry.action();
  return true;
}

}  // namespace capstan::sim
