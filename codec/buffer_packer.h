// msgpack-c packs into our own buffers.
#pragma once

#include <msgpack.hpp>

#include "capstan/base/bytes.h"

namespace capstan {

/// The stream that msgpack::packer writes to.
class BufferStream {
 public:
  explicit BufferStream(ByteBuffer& to) : to_(to) {}
  void write(const char* data, std::size_t size) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
    to_.insert(to_.end(), bytes, bytes + size);
  }

 private:
  ByteBuffer& to_;
};

using Packer = msgpack::packer<BufferStream>;

inline void pack_bin(Packer& packer, Bytes bytes) {
  packer.pack_bin(static_cast<std::uint32_t>(bytes.size()));
  packer.pack_bin_body(reinterpret_cast<const char*>(bytes.data()),
                       static_cast<std::uint32_t>(bytes.size()));
}

inline void pack_text(Packer& packer, std::string_view text) {
  packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}

}  // namespace capstan
