// Chance that can be replayed: every generator is seeded from outside. Not for secrets; those come
// from libsodium in security/.
#pragma once

#include <cstdint>
#include <random>

namespace capstan {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t next() { return engine_(); }

  /// 0 .. bound-1; `bound` > 0. The bias of the remainder is below 2^-32 for the bounds we use.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

  /// True once in `n` times on average.
  [[nodiscard]] bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace capstan
