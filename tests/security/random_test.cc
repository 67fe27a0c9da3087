#include "capstan/security/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

namespace capstan {
namespace {

TEST(SecureRandom, EveryOctetIsReached) {
  std::array<std::uint8_t, 33> seen{};
  for (int i = 0; i < 64; ++i) {
    std::array<std::uint8_t, 33> drawn{};
    secure_random(drawn);
    for (std::size_t at = 0; at < seen.size(); ++at) seen[at] |= drawn[at];
  }
  for (const std::uint8_t octet : seen) EXPECT_EQ(octet, 0xff);
}

TEST(SecureRandom, SeedsDiffer) {
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 100; ++i) seeds.insert(secure_seed());
  EXPECT_EQ(seeds.size(), 100U);
}

TEST(InitSecurity, RandNoLongerBeginsWithTheNumberThatEverybodyKnows) {
  std::set<int> first_numbers;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(init_security().ok());
    first_numbers.insert(std::rand());
  }
  EXPECT_GT(first_numbers.size(), 1U);
}

}  // namespace
}  // namespace capstan
