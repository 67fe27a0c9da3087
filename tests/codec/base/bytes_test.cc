#include "capstan/base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace capstan {
namespace {

bool accepts(std::string_view text, std::size_t byte_count) {
  std::vector<std::uint8_t> out(byte_count);
  return from_hex(text, out);
}

TEST(Hex, TextOfAnotherLengthIsRefused) {
  for (std::size_t length = 0; length <= 8; ++length) {
    const std::string text(length, 'a');
    EXPECT_EQ(accepts(text, 3), length == 6) << length;
  }
}

// Goal: exactly 0-9 and a-f are digits; an id has one text only, so upper case is refused too.
// Method: every byte value, in both places of a pair.
TEST(Hex, EveryCharacterButLowerCaseDigitsIsRefused) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const bool digit = kDigits.find(c) != std::string_view::npos;
    EXPECT_EQ(accepts(std::string{c, '0'}, 1), digit) << value;
    EXPECT_EQ(accepts(std::string{'0', c}, 1), digit) << value;
  }
}

TEST(Hex, EveryByteComesBack) {
  for (unsigned value = 0; value < 256; ++value) {
    const std::array<std::uint8_t, 1> byte{static_cast<std::uint8_t>(value)};
    std::array<std::uint8_t, 1> back{};
    ASSERT_TRUE(from_hex(to_hex(byte), back));
    EXPECT_EQ(back, byte);
  }
}

TEST(Hex, FirstByteIsWrittenFirstHighDigitFirst) {
  const ByteBuffer bytes{0x01, 0x2f, 0xe0};
  EXPECT_EQ(to_hex(bytes), "012fe0");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Bytes, EqualComparesLengthThenContent) {
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("abc")));
  EXPECT_FALSE(equal(as_bytes("ab"), as_bytes("ac")));
  EXPECT_FALSE(equal(as_bytes(""), as_bytes("a")));
  EXPECT_TRUE(equal(as_bytes("ab"), as_bytes("ab")));
  EXPECT_TRUE(equal({}, as_bytes("")));
}

TEST(Bytes, TextAndBytesAreTheSameMemory) {
  const std::string text("a\0b", 3);
  const Bytes bytes = as_bytes(text);
  EXPECT_EQ(bytes.size(), 3U);
  EXPECT_EQ(as_text(bytes), text);
  EXPECT_EQ(as_text(bytes).data(), text.data());
}

TEST(Bytes, AppendKeepsWhatIsThere) {
  ByteBuffer buffer{1};
  append(buffer, {});
  append(buffer, ByteBuffer{2, 3});
  EXPECT_EQ(buffer, (ByteBuffer{1, 2, 3}));
}

}  // namespace
}  // namespace capstan
