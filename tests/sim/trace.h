// One number for everything that happened: two runs of a seed must agree on it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string_view>

#include "capstan/base/bytes.h"
#include "schedule.h"

namespace capstan::sim {

/// XXH3-64, for traces and for comparing payloads.
[[nodiscard]] std::uint64_t hash_of(Bytes bytes, std::uint64_t seed = 0);

class Trace {
 public:
  /// `out` takes one line for each note; null keeps only the hash.
  Trace(const Schedule& schedule, std::FILE* out) : schedule_(schedule), out_(out) {}

  void note(std::string_view what, std::initializer_list<std::uint64_t> numbers = {},
            Bytes bytes = {});
  /// A line that only a reader of the trace needs.
  void remark(std::string_view text);

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] bool printing() const { return out_ != nullptr; }

 private:
  const Schedule& schedule_;
  std::FILE* out_;
  std::uint64_t hash_ = 0;
};

}  // namespace capstan::sim
