// The one place where msgpack-c parses, with limits, and where its exceptions end.
#pragma once

#include <msgpack.hpp>
#include <optional>

#include "capstan/base/bytes.h"
#include "capstan/codec/limits.h"

namespace capstan {

/// The object at `offset`, strings and bins pointing into `bytes`; `offset` moves behind it. Empty
/// when it is malformed or over a limit.
[[nodiscard]] inline std::optional<msgpack::object_handle> parse_msgpack_at(Bytes bytes,
                                                                            std::size_t& offset) {
  const msgpack::unpack_limit limit(kControlElementsMax, kControlElementsMax, kBatchBytesMax,
                                    kBatchBytesMax, 0, kControlDepthMax);
  const auto refer_to_input = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    return msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset,
                           refer_to_input, nullptr, limit);
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

/// The same of a whole buffer. Empty, too, when more bytes follow.
[[nodiscard]] inline std::optional<msgpack::object_handle> parse_msgpack(Bytes bytes) {
  std::size_t end = 0;
  auto handle = parse_msgpack_at(bytes, end);
  if (end != bytes.size()) return std::nullopt;
  return handle;
}

}  // namespace capstan
