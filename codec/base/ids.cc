#include "capstan/base/ids.h"

#include "capstan/base/check.h"

namespace capstan {

namespace {

constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << 48) - 1;

std::uint64_t load_be(const std::uint8_t* from) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap64(value);
}

void store_be(std::uint8_t* to, std::uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace

EnvelopeId EnvelopeId::make(std::uint64_t clock_ns, std::uint16_t shard, Sequence sequence) {
  CAPSTAN_CHECK(sequence.value <= kSequenceMask);
  EnvelopeId id;
  store_be(id.bytes.data(), clock_ns);
  store_be(id.bytes.data() + 8, (std::uint64_t{shard} << 48) | sequence.value);
  return id;
}

std::uint64_t EnvelopeId::clock_ns() const { return load_be(bytes.data()); }

std::uint16_t EnvelopeId::shard() const {
  return static_cast<std::uint16_t>(load_be(bytes.data() + 8) >> 48U);
}

Sequence EnvelopeId::sequence() const {
  return Sequence{load_be(bytes.data() + 8) & kSequenceMask};
}

EnvelopeId EnvelopeId::plus(std::uint64_t n) const {
  EnvelopeId id = *this;
  store_be(id.bytes.data() + 8, load_be(bytes.data() + 8) + n);
  return id;
}

}  // namespace capstan
