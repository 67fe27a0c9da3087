// The one reader that does all bounds checks on bytes from outside.
#pragma once

#include <cstdint>
#include <cstring>

#include "capstan/base/bytes.h"

namespace capstan {

/// Reads forward through bytes. A read beyond the end returns zero or an empty view and leaves the
/// cursor failed for good, so a parser reads its whole schema and asks `ok()` once.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool ok() const { return !failed_; }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] const std::uint8_t* position() const { return at_; }

  void fail() {
    failed_ = true;
    at_ = end_;
  }

  [[nodiscard]] Bytes take(std::uint64_t count) {
    if (count > remaining()) {
      fail();
      return {};
    }
    const Bytes taken{at_, static_cast<std::size_t>(count)};
    at_ += count;
    return taken;
  }

  [[nodiscard]] std::uint8_t u8() {
    if (at_ == end_) {
      fail();
      return 0;
    }
    return *at_++;
  }

  // Little-endian: the disk. Every machine that we build for is little-endian.
  [[nodiscard]] std::uint16_t u16_le() { return little<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32_le() { return little<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t u64_le() { return little<std::uint64_t>(); }

  // Big-endian: msgpack.
  [[nodiscard]] std::uint16_t u16_be() { return __builtin_bswap16(little<std::uint16_t>()); }
  [[nodiscard]] std::uint32_t u32_be() { return __builtin_bswap32(little<std::uint32_t>()); }
  [[nodiscard]] std::uint64_t u64_be() { return __builtin_bswap64(little<std::uint64_t>()); }

 private:
  template <typename T>
  [[nodiscard]] T little() {
    T value = 0;
    if (remaining() < sizeof value) {
      fail();
      return 0;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool failed_ = false;
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the disk format is read in place");

inline void append_u16_le(ByteBuffer& to, std::uint16_t v) {
  append(to, {reinterpret_cast<const std::uint8_t*>(&v), sizeof v});
}
inline void append_u32_le(ByteBuffer& to, std::uint32_t v) {
  append(to, {reinterpret_cast<const std::uint8_t*>(&v), sizeof v});
}
inline void append_u64_le(ByteBuffer& to, std::uint64_t v) {
  append(to, {reinterpret_cast<const std::uint8_t*>(&v), sizeof v});
}

}  // namespace capstan
