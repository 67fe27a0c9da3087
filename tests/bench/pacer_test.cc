#include "pacer.h"

#include <gtest/gtest.h>

namespace capstan::bench {
namespace {

TEST(Pacer, WithoutARateEverythingIsDueUntilTheTimeIsOver) {
  const Pacer pacer(0.0, 10.0);
  const std::uint64_t now = pacer.start_ns() + 5;
  EXPECT_FALSE(pacer.open_loop());
  EXPECT_EQ(pacer.tick_fd(), -1);
  EXPECT_EQ(pacer.due(now, 100, 7), 107U);
  EXPECT_EQ(pacer.due_ns(100, now), now);
  EXPECT_EQ(pacer.due(pacer.start_ns() + 10'000'000'000, 100, 7), 100U);
}

TEST(Pacer, WithARateEnvelopesAreDueOneIntervalApart) {
  const Pacer pacer(1000.0, 10.0);
  EXPECT_EQ(pacer.interval_ns(), 1'000'000U);
  EXPECT_EQ(pacer.due_ns(3, 0), pacer.start_ns() + 3'000'000);
  EXPECT_EQ(pacer.due(pacer.start_ns(), 0, 100), 1U);
  EXPECT_EQ(pacer.due(pacer.start_ns() + 2'999'999, 0, 100), 3U);
  EXPECT_EQ(pacer.due(pacer.start_ns() + 3'000'000, 0, 100), 4U);
}

TEST(Pacer, AFallenBehindSenderIsOwedEverythingButTakesOneBatch) {
  const Pacer pacer(1000.0, 10.0);
  EXPECT_EQ(pacer.due(pacer.start_ns() + 5'000'000'000, 10, 64), 74U);
}

}  // namespace
}  // namespace capstan::bench
