#include "trace.h"

#include <xxhash.h>

namespace capstan::sim {

std::uint64_t hash_of(Bytes bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

void Trace::note(std::string_view what, std::initializer_list<std::uint64_t> numbers, Bytes bytes) {
  const std::uint64_t now_ns = schedule_.now_ns();
  const auto mix = [&](std::uint64_t number) {
    hash_ = hash_of({reinterpret_cast<const std::uint8_t*>(&number), sizeof number}, hash_);
  };
  hash_ = hash_of(as_bytes(what), hash_);
  mix(now_ns);
  for (const std::uint64_t number : numbers) mix(number);
  hash_ = hash_of(bytes, hash_);
  if (out_ == nullptr) return;
  std::fprintf(out_, "%12.6f %.*s", static_cast<double>(now_ns) / 1e9,
               static_cast<int>(what.size()), what.data());
  for (const std::uint64_t number : numbers) {
    std::fprintf(out_, " %llu", static_cast<unsigned long long>(number));
  }
  if (!bytes.empty()) std::fprintf(out_, " bytes=%zu", bytes.size());
  std::fputc('\n', out_);
}

void Trace::remark(std::string_view text) {
  if (out_ == nullptr) return;
  std::fprintf(out_, "%12.6f   %.*s\n", static_cast<double>(schedule_.now_ns()) / 1e9,
               static_cast<int>(text.size()), text.data());
}

}  // namespace capstan::sim
