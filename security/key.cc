#include "capstan/security/key.h"

#include <sodium.h>

#include <utility>

namespace capstan {

static_assert(kKeyBytes == crypto_box_PUBLICKEYBYTES && kKeyBytes == crypto_box_SECRETKEYBYTES);
static_assert(kKeyBytes == crypto_scalarmult_BYTES);

std::string PublicKey::z85() const { return z85_encode(bytes); }

Result<PublicKey> PublicKey::from_z85(std::string_view text) {
  PublicKey key;
  if (!z85_decode(text, key.bytes)) {
    return {ErrorCode::kInvalidArgument, "a public key is 40 characters of Z85"};
  }
  return key;
}

Result<PublicKey> PublicKey::from_bytes(Bytes bytes) {
  if (bytes.size() != kKeyBytes) {
    return {ErrorCode::kInvalidArgument, "a public key is 32 bytes"};
  }
  PublicKey key;
  std::memcpy(key.bytes.data(), bytes.data(), kKeyBytes);
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept { *this = std::move(other); }

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = other.bytes_;
  sodium_memzero(other.bytes_.data(), kKeyBytes);
  return *this;
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), kKeyBytes); }

Result<SecretKey> SecretKey::from_z85(std::string_view text) {
  SecretKey key;
  if (!z85_decode(text, key.bytes_)) {
    return {ErrorCode::kInvalidArgument, "a secret key is 40 characters of Z85"};
  }
  return key;
}

Result<SecretKey> SecretKey::from_bytes(Bytes bytes) {
  if (bytes.size() != kKeyBytes) {
    return {ErrorCode::kInvalidArgument, "a secret key is 32 bytes"};
  }
  SecretKey key;
  std::memcpy(key.bytes_.data(), bytes.data(), kKeyBytes);
  return key;
}

SecretKey SecretKey::duplicate() const {
  SecretKey copy;
  copy.bytes_ = bytes_;
  return copy;
}

SecretText SecretKey::z85() const {
  std::string text = z85_encode(bytes_);
  SecretText secret{std::string_view(text)};
  sodium_memzero(text.data(), text.size());
  return secret;
}

KeyPair generate_key_pair() {
  CAPSTAN_CHECK(sodium_init() >= 0);
  PublicKey public_key;
  std::array<std::uint8_t, kKeyBytes> secret{};
  CAPSTAN_CHECK(crypto_box_keypair(public_key.bytes.data(), secret.data()) == 0);
  KeyPair pair{public_key, SecretKey::from_bytes(secret).value()};
  sodium_memzero(secret.data(), secret.size());
  return pair;
}

PublicKey public_key_of(const SecretKey& secret) {
  PublicKey key;
  CAPSTAN_CHECK(crypto_scalarmult_base(key.bytes.data(), secret.view().data()) == 0);
  return key;
}

}  // namespace capstan
