// Reads the msgpack types that our own frames use, without allocating. PROTOCOL.md §2.
#pragma once

#include <cstdint>

#include "capstan/base/cursor.h"

namespace capstan::msgpack_cursor {

/// Consumes a nil if one is next.
[[nodiscard]] inline bool take_nil(Cursor& in) {
  if (!in.ok() || in.remaining() == 0 || *in.position() != 0xc0) return false;
  (void)in.u8();
  return true;
}

/// A value that came in a signed form; a negative one fails the cursor.
[[nodiscard]] inline std::uint64_t not_negative(Cursor& in, std::int64_t value) {
  if (value >= 0) return static_cast<std::uint64_t>(value);
  in.fail();
  return 0;
}

/// Any non-negative integer encoding, signed forms too; other types fail the cursor.
[[nodiscard]] inline std::uint64_t read_uint(Cursor& in) {
  const std::uint8_t tag = in.u8();
  if (tag < 0x80) return tag;
  switch (tag) {
    case 0xcc:
      return in.u8();
    case 0xcd:
      return in.u16_be();
    case 0xce:
      return in.u32_be();
    case 0xcf:
      return in.u64_be();
    case 0xd0:
      return not_negative(in, static_cast<std::int8_t>(in.u8()));
    case 0xd1:
      return not_negative(in, static_cast<std::int16_t>(in.u16_be()));
    case 0xd2:
      return not_negative(in, static_cast<std::int32_t>(in.u32_be()));
    case 0xd3:
      return not_negative(in, static_cast<std::int64_t>(in.u64_be()));
    default:
      in.fail();
      return 0;
  }
}

/// Number of elements of the array that begins here.
[[nodiscard]] inline std::uint32_t read_array(Cursor& in) {
  const std::uint8_t tag = in.u8();
  if ((tag & 0xf0) == 0x90) return tag & 0x0f;
  if (tag == 0xdc) return in.u16_be();
  if (tag == 0xdd) return in.u32_be();
  in.fail();
  return 0;
}

[[nodiscard]] inline Bytes read_bin(Cursor& in) {
  switch (in.u8()) {
    case 0xc4:
      return in.take(in.u8());
    case 0xc5:
      return in.take(in.u16_be());
    case 0xc6:
      return in.take(in.u32_be());
    default:
      in.fail();
      return {};
  }
}

[[nodiscard]] inline Bytes read_str(Cursor& in) {
  const std::uint8_t tag = in.u8();
  if ((tag & 0xe0) == 0xa0) return in.take(tag & 0x1f);
  switch (tag) {
    case 0xd9:
      return in.take(in.u8());
    case 0xda:
      return in.take(in.u16_be());
    case 0xdb:
      return in.take(in.u32_be());
    default:
      in.fail();
      return {};
  }
}

/// The 16 bytes of an id in bin form; anything else fails the cursor.
[[nodiscard]] inline const std::uint8_t* read_id(Cursor& in) {
  const Bytes bytes = read_bin(in);
  if (bytes.size() != 16) {
    in.fail();
    return nullptr;
  }
  return bytes.data();
}

}  // namespace capstan::msgpack_cursor
