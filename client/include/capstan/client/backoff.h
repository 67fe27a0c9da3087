// How long to wait before the next attempt, so that many clients do not come back together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "capstan/base/random.h"

namespace capstan {

/// Full jitter: each wait is drawn evenly from 0 to a ceiling that doubles from `first_ns` to
/// `longest_ns`. Both are above zero.
class Backoff {
 public:
  Backoff(std::uint64_t first_ns, std::uint64_t longest_ns)
      : first_ns_(first_ns), longest_ns_(longest_ns), ceiling_ns_(first_ns) {}

  [[nodiscard]] std::uint64_t next_ns(Random& random) {
    const std::uint64_t wait_ns = random.below(ceiling_ns_) + 1;
    ceiling_ns_ = std::min(ceiling_ns_ * 2, longest_ns_);
    return wait_ns;
  }

  void reset() { ceiling_ns_ = first_ns_; }

 private:
  std::uint64_t first_ns_;
  std::uint64_t longest_ns_;
  std::uint64_t ceiling_ns_;
};

}  // namespace capstan
