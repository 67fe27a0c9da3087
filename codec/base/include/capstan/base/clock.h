// Time comes in from outside: main() makes the real clock, tests own theirs.
#pragma once

#include <cstdint>

namespace capstan {

inline constexpr std::uint64_t kNsPerMs = 1'000'000;
inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

/// One reading of both clocks, in nanoseconds. Durations are measured with `monotonic_ns`; ids,
/// `created_at` and expiry with `wall_ns` (since 1970).
struct Time {
  std::uint64_t monotonic_ns = 0;
  std::uint64_t wall_ns = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override;
};

}  // namespace capstan
