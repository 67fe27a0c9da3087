#include "capstan/security/random.h"

#include <sodium.h>

#include <cstdlib>

#include "capstan/base/check.h"

namespace capstan {

Status init_security() {
  if (sodium_init() < 0) {
    return {ErrorCode::kUnavailable, "libsodium found no source of randomness"};
  }
  std::srand(static_cast<unsigned>(secure_seed()));
  return {};
}

void secure_random(std::span<std::uint8_t> out) {
  // Harmless when done before; without it the first call could run before libsodium chose a source.
  CAPSTAN_CHECK(sodium_init() >= 0);
  randombytes_buf(out.data(), out.size());
}

std::uint64_t secure_seed() {
  std::uint64_t seed = 0;
  secure_random({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
  return seed;
}

}  // namespace capstan
