// CURVE25519 keys and their Z85 text. A key pair made here is one that libzmq takes for CURVE.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"
#include "capstan/security/secret_text.h"

namespace capstan {

inline constexpr std::size_t kKeyBytes = 32;
/// Five characters for every four bytes (ZeroMQ RFC 32).
inline constexpr std::size_t kKeyTextLength = kKeyBytes / 4 * 5;

/// Who somebody is on the wire. Not a secret.
struct PublicKey {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  auto operator<=>(const PublicKey&) const = default;

  /// 40 characters, none of them a quote, a backslash or a blank.
  [[nodiscard]] std::string z85() const;

  /// Errors: kInvalidArgument: not 40 characters of Z85.
  [[nodiscard]] static Result<PublicKey> from_z85(std::string_view text);

  /// Errors: kInvalidArgument: not 32 bytes.
  [[nodiscard]] static Result<PublicKey> from_bytes(Bytes bytes);
};

/// The other half. Move-only; wiped when it goes, and when it is moved from.
class SecretKey {
 public:
  SecretKey() = default;  ///< All zero: the target of a move, nothing else.
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;
  ~SecretKey();

  /// Errors: kInvalidArgument: not 40 characters of Z85. The text is not part of the error.
  [[nodiscard]] static Result<SecretKey> from_z85(std::string_view text);

  /// Errors: kInvalidArgument: not 32 bytes.
  [[nodiscard]] static Result<SecretKey> from_bytes(Bytes bytes);

  /// An explicit second owner of the same secret.
  [[nodiscard]] SecretKey duplicate() const;

  [[nodiscard]] SecretText z85() const;

  /// 32 bytes; lives as long as this object.
  [[nodiscard]] Bytes view() const { return bytes_; }

 private:
  std::array<std::uint8_t, kKeyBytes> bytes_{};
};

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;
};

/// Thread-safe.
[[nodiscard]] KeyPair generate_key_pair();

/// The public key that belongs to `secret`.
[[nodiscard]] PublicKey public_key_of(const SecretKey& secret);

/// Shape: `bytes.size()` is a multiple of 4; the text is 5/4 as long.
[[nodiscard]] std::string z85_encode(Bytes bytes);

/// Shape:  `text.size()` is 5/4 of `out.size()`, which is a multiple of 4.
/// Errors: false: another length, a character outside Z85's 85, or five characters that stand for
///         more than 32 bits. `out` is then unspecified.
[[nodiscard]] bool z85_decode(std::string_view text, std::span<std::uint8_t> out);

}  // namespace capstan

template <>
struct std::hash<capstan::PublicKey> {
  // Tables hold keys that the operator admitted; a stranger can look up, but never insert. So the
  // first eight bytes, which are as good as random, need no keyed hash.
  std::size_t operator()(const capstan::PublicKey& key) const noexcept {
    std::size_t first = 0;
    std::memcpy(&first, key.bytes.data(), sizeof first);
    return first;
  }
};
