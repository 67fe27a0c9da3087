// Bytes that somebody else owns, bytes that we own, and the conversions between bytes and text.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// A view of bytes; whoever hands it out says how long it lives.
using Bytes = std::span<const std::uint8_t>;

/// Bytes that we own.
using ByteBuffer = std::vector<std::uint8_t>;

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(ByteBuffer& to, Bytes bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

[[nodiscard]] inline bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// Lower-case hex text of `bytes`, two characters each.
[[nodiscard]] std::string to_hex(Bytes bytes);

/// The bytes of lower-case hex text; false when a character is not one of 0-9a-f or the length does
/// not match `out`.
[[nodiscard]] bool from_hex(std::string_view text, std::span<std::uint8_t> out);

}  // namespace capstan
