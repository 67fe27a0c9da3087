// Waits are drawn evenly from the whole range, so that clients that were cut off together come
// back one by one.
#include "capstan/client/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace capstan {
namespace {

constexpr std::uint64_t kFirstNs = 1'000;
constexpr std::uint64_t kLongestNs = 6'000;
constexpr std::array<std::uint64_t, 6> kCeilingsNs{1'000, 2'000, 4'000, 6'000, 6'000, 6'000};
constexpr std::size_t kClients = 20'000;

/// How long each of many clients waits for its attempts, by attempt.
std::vector<std::vector<std::uint64_t>> waits_by_attempt() {
  std::vector<std::vector<std::uint64_t>> waits(kCeilingsNs.size());
  Random random(11);
  for (std::size_t client = 0; client < kClients; ++client) {
    Backoff backoff(kFirstNs, kLongestNs);
    for (auto& attempt : waits) attempt.push_back(backoff.next_ns(random));
  }
  return waits;
}

TEST(Backoff, TheCeilingDoublesFromTheFirstToTheLongest) {
  const auto waits = waits_by_attempt();
  for (std::size_t attempt = 0; attempt < waits.size(); ++attempt) {
    const auto [least, most] = std::minmax_element(waits[attempt].begin(), waits[attempt].end());
    EXPECT_GE(*least, 1U) << "never in a loop without a pause";
    EXPECT_LE(*least, kCeilingsNs[attempt] / 100) << "attempt " << attempt;
    EXPECT_LE(*most, kCeilingsNs[attempt]) << "attempt " << attempt;
    EXPECT_GE(*most, kCeilingsNs[attempt] / 100 * 99) << "attempt " << attempt;
  }
}

TEST(Backoff, EveryTenthOfTheRangeIsDrawnEquallyOften) {
  const auto waits = waits_by_attempt();
  for (std::size_t attempt = 0; attempt < waits.size(); ++attempt) {
    std::array<std::size_t, 10> tenths{};
    for (const std::uint64_t wait : waits[attempt]) {
      ++tenths[static_cast<std::size_t>((wait - 1) * tenths.size() / kCeilingsNs[attempt])];
    }
    for (const std::size_t count : tenths) {
      EXPECT_NEAR(static_cast<double>(count), kClients / 10.0, kClients / 100.0)
          << "attempt " << attempt;
    }
  }
}

TEST(Backoff, BeginsAgainAfterASuccess) {
  Random random(11);
  for (int i = 0; i < 1'000; ++i) {
    Backoff backoff(kFirstNs, kLongestNs);
    for (int attempt = 0; attempt < 5; ++attempt) (void)backoff.next_ns(random);
    backoff.reset();
    EXPECT_LE(backoff.next_ns(random), kFirstNs);
  }
}

}  // namespace
}  // namespace capstan
