#include "capstan/base/clock.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

TEST(SystemClock, MonotonicTimeNeverStepsBack) {
  const SystemClock clock;
  Time last = clock.now();
  for (int i = 0; i < 10'000; ++i) {
    const Time now = clock.now();
    ASSERT_GE(now.monotonic_ns, last.monotonic_ns);
    last = now;
  }
}

// Goal: nanoseconds since 1970, not another unit or epoch.
TEST(SystemClock, WallTimeIsNanosecondsSince1970) {
  constexpr std::uint64_t kYear2020Seconds = 1'577'836'800;
  constexpr std::uint64_t kYear2120Seconds = 4'733'510'400;
  const std::uint64_t wall_ns = SystemClock().now().wall_ns;
  EXPECT_GT(wall_ns, kYear2020Seconds * kNsPerSecond);
  EXPECT_LT(wall_ns, kYear2120Seconds * kNsPerSecond);
}

}  // namespace
}  // namespace capstan
