#include "capstan/security/key.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <new>
#include <unordered_set>

namespace capstan {
namespace {

// The vector of RFC 32.
constexpr std::array<std::uint8_t, 8> kHelloBytes{0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B};
constexpr std::string_view kHelloText = "HelloWorld";

// The key pair of "grumpy-client" in the documentation of zmq_curve.
constexpr std::string_view kKnownPublic = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
constexpr std::string_view kKnownSecret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

TEST(Z85, RefusesEveryWrongLength) {
  std::array<std::uint8_t, kKeyBytes> out{};
  for (std::size_t length = 0; length < 100; ++length) {
    if (length == kKeyTextLength) continue;
    EXPECT_FALSE(z85_decode(std::string(length, '0'), out)) << length;
  }
}

TEST(Z85, RefusesEveryCharacterOutsideItsAlphabet) {
  constexpr std::string_view kAlphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  std::array<std::uint8_t, 4> out{};
  for (unsigned code = 0; code < 256; ++code) {
    const char character = static_cast<char>(code);
    const bool known = kAlphabet.find(character) != std::string_view::npos;
    EXPECT_EQ(z85_decode(std::string("0000") + character, out), known) << code;
  }
}

TEST(Z85, RefusesMoreThan32BitsInFiveCharacters) {
  std::array<std::uint8_t, 4> out{};
  EXPECT_TRUE(z85_decode("%nSc0", out));
  EXPECT_EQ(out, (std::array<std::uint8_t, 4>{0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(z85_decode("%nSc1", out));
  EXPECT_FALSE(z85_decode("#####", out));
}

TEST(Z85, KnowsTheVectorOfItsSpecification) {
  EXPECT_EQ(z85_encode(kHelloBytes), kHelloText);
  std::array<std::uint8_t, 8> out{};
  ASSERT_TRUE(z85_decode(kHelloText, out));
  EXPECT_EQ(out, kHelloBytes);
}

TEST(PublicKey, RefusesBytesOfEveryOtherLength) {
  const ByteBuffer bytes(64);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    EXPECT_EQ(PublicKey::from_bytes(Bytes(bytes).first(length)).ok(), length == kKeyBytes);
    EXPECT_EQ(SecretKey::from_bytes(Bytes(bytes).first(length)).ok(), length == kKeyBytes);
  }
}

TEST(PublicKey, TextThereAndBackIsTheSameKey) {
  const KeyPair pair = generate_key_pair();
  const std::string text = pair.public_key.z85();
  EXPECT_EQ(text.size(), kKeyTextLength);
  EXPECT_EQ(PublicKey::from_z85(text).value(), pair.public_key);
}

TEST(PublicKey, DifferentKeysLiveSideBySideInAHashTable) {
  std::unordered_set<PublicKey> keys;
  for (int i = 0; i < 100; ++i) keys.insert(generate_key_pair().public_key);
  EXPECT_EQ(keys.size(), 100U);
}

TEST(SecretKey, ARefusedTextIsNotRepeatedInTheError) {
  const std::string almost = std::string(kKnownSecret.substr(0, 39)) + "'";
  const auto key = SecretKey::from_z85(almost);
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(key.error().text().find("D:)Q"), std::string::npos);
}

TEST(SecretKey, BelongsToThePublicKeyThatLibzmqSaysItBelongsTo) {
  const auto secret = SecretKey::from_z85(kKnownSecret);
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(public_key_of(*secret).z85(), kKnownPublic);
  EXPECT_EQ(secret->z85().view(), kKnownSecret);
}

TEST(SecretKey, IsWipedWhereItWasMovedFromAndWhereItEnds) {
  alignas(SecretKey) std::array<std::uint8_t, sizeof(SecretKey)> place{};
  auto* const key = new (place.data()) SecretKey(SecretKey::from_z85(kKnownSecret).value());
  EXPECT_FALSE(sodium_is_zero(place.data(), place.size()));
  const SecretKey moved = std::move(*key);
  EXPECT_TRUE(sodium_is_zero(place.data(), place.size()));
  EXPECT_EQ(moved.z85().view(), kKnownSecret);

  *key = moved.duplicate();
  EXPECT_FALSE(sodium_is_zero(place.data(), place.size()));
  key->~SecretKey();
  EXPECT_TRUE(sodium_is_zero(place.data(), place.size()));
}

TEST(KeyPair, EachIsNewAndItsHalvesBelongTogether) {
  const KeyPair one = generate_key_pair();
  const KeyPair two = generate_key_pair();
  EXPECT_NE(one.public_key, two.public_key);
  EXPECT_EQ(public_key_of(one.secret_key), one.public_key);
  EXPECT_EQ(public_key_of(two.secret_key), two.public_key);
}

}  // namespace
}  // namespace capstan
