// The one place where msgpack-c parses, with limits, and where its exceptions end.
#pragma once

#include <msgpack.hpp>
#include <optional>

#include "capstan/base/bytes.h"
#include "capstan/codec/limits.h"

namespace capstan {

/// One whole object, strings and bins pointing into `bytes`; empty when it is malformed, over a
/// limit, or followed by more bytes.
[[nodiscard]] inline std::optional<msgpack::object_handle> parse_msgpack(Bytes bytes) {
  const msgpack::unpack_limit limit(kControlElementsMax, kControlElementsMax, kBatchBytesMax,
                                    kBatchBytesMax, 0, kControlDepthMax);
  const auto refer_to_input = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  try {
    std::size_t offset = 0;
    auto handle = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size(), offset,
                                  refer_to_input, nullptr, limit);
    if (offset != bytes.size()) return std::nullopt;
    return handle;
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace capstan
