// What bytes mean, by msgpack-c: the second opinion on everything that our own cursor reads.
#pragma once

#include <bit>
#include <cstdint>
#include <msgpack.hpp>
#include <optional>

#include "capstan/base/bytes.h"
#include "capstan/base/error.h"
#include "capstan/codec/limits.h"

namespace capstan::fuzz {

/// One object at `offset`, which moves behind it; strings and bins point into `bytes`. Empty when
/// there is none. The limits are wider than our parsers', so that what they refuse is refused by
/// them.
[[nodiscard]] inline std::optional<msgpack::object_handle> unpack_at(Bytes bytes,
                                                                     std::size_t& offset) {
  const msgpack::unpack_limit limit(2 * kControlElementsMax, 2 * kControlElementsMax,
                                    kBatchBytesMax, kBatchBytesMax, kBatchBytesMax,
                                    2 * kControlDepthMax);
  const auto refer = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    return msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset, refer,
                           nullptr, limit);
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  }
}

/// One object and nothing behind it.
[[nodiscard]] inline std::optional<msgpack::object_handle> unpack_whole(Bytes bytes) {
  std::size_t offset = 0;
  auto handle = unpack_at(bytes, offset);
  if (!handle || offset != bytes.size()) return std::nullopt;
  return handle;
}

/// Appends the object's shortest encoding.
inline void pack_shortest(const msgpack::object& object, ByteBuffer& to) {
  msgpack::sbuffer packed;
  msgpack::packer<msgpack::sbuffer> packer(packed);
  const bool is_float =
      object.type == msgpack::type::FLOAT32 || object.type == msgpack::type::FLOAT64;
  // msgpack-c would write a whole number that came as a float as an integer: another meaning.
  if (is_float) {
    packer.pack_fix_uint64(std::bit_cast<std::uint64_t>(object.via.f64));
    packed.data()[0] = static_cast<char>(0xcb);
  } else if (object.type == msgpack::type::ARRAY) {
    packer.pack_array(object.via.array.size);
  } else if (object.type == msgpack::type::MAP) {
    packer.pack_map(object.via.map.size);
  } else {
    packer.pack(object);
  }
  append(to, as_bytes({packed.data(), packed.size()}));
  if (object.type == msgpack::type::ARRAY) {
    for (const msgpack::object& element : object.via.array) pack_shortest(element, to);
  }
  if (object.type == msgpack::type::MAP) {
    for (const auto& [key, value] : object.via.map) {
      pack_shortest(key, to);
      pack_shortest(value, to);
    }
  }
}

/// Of a text or a bin.
template <typename Sized>
[[nodiscard]] Bytes bytes_of(const Sized& object) {
  return as_bytes({object.ptr, object.size});
}

/// Whether `written` says what `read` says, as PROTOCOL.md §5 lets it: a frame and the pairs in it
/// may have had further fields, and an error code that nobody knows is read as `unavailable`.
[[nodiscard]] inline bool says_the_same(const msgpack::object& read, const msgpack::object& written,
                                        unsigned depth = 0) {
  if (read.type == msgpack::type::ARRAY && written.type == msgpack::type::ARRAY) {
    const msgpack::object_array& from = read.via.array;
    const msgpack::object_array& to = written.via.array;
    if (depth == 1 ? from.size != to.size : from.size < to.size) return false;
    for (std::uint32_t i = 0; i < to.size; ++i) {
      if (!says_the_same(from.ptr[i], to.ptr[i], depth + 1)) return false;
    }
    return true;
  }
  // Not with msgpack-c's own ==, which hands memcmp() the null pointer of an empty text.
  if (read.type == msgpack::type::STR && written.type == msgpack::type::STR) {
    return equal(bytes_of(read.via.str), bytes_of(written.via.str));
  }
  if (read.type == msgpack::type::BIN && written.type == msgpack::type::BIN) {
    return equal(bytes_of(read.via.bin), bytes_of(written.via.bin));
  }
  const auto unavailable = static_cast<std::uint64_t>(ErrorCode::kUnavailable);
  const bool unknown_code = read.type == msgpack::type::POSITIVE_INTEGER &&
                            written.type == msgpack::type::POSITIVE_INTEGER &&
                            written.via.u64 == unavailable && !error_from_number(read.via.u64);
  return unknown_code || read == written;
}

}  // namespace capstan::fuzz
