// Z85, ZeroMQ RFC 32: four bytes, big-endian, as five digits of base 85.
#include <array>

#include "capstan/base/check.h"
#include "capstan/security/key.h"

namespace capstan {
namespace {

constexpr std::string_view kDigits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
static_assert(kDigits.size() == 85);

constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) value = kNoDigit;
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

}  // namespace

std::string z85_encode(Bytes bytes) {
  CAPSTAN_CHECK(bytes.size() % 4 == 0);
  std::string text(bytes.size() / 4 * 5, '\0');
  for (std::size_t group = 0; group < bytes.size() / 4; ++group) {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : bytes.subspan(4 * group, 4)) number = number << 8 | byte;
    for (std::size_t digit = 5; digit-- > 0; number /= 85) {
      text[5 * group + digit] = kDigits[number % 85];
    }
  }
  return text;
}

bool z85_decode(std::string_view text, std::span<std::uint8_t> out) {
  CAPSTAN_CHECK(out.size() % 4 == 0);
  if (text.size() != out.size() / 4 * 5) return false;
  for (std::size_t group = 0; group < out.size() / 4; ++group) {
    std::uint64_t number = 0;
    for (const char character : text.substr(5 * group, 5)) {
      const std::uint8_t value = kValues[static_cast<std::uint8_t>(character)];
      if (value == kNoDigit) return false;
      number = number * 85 + value;
    }
    if (number > 0xffffffff) return false;
    for (std::size_t byte = 4; byte-- > 0; number >>= 8) {
      out[4 * group + byte] = static_cast<std::uint8_t>(number);
    }
  }
  return true;
}

}  // namespace capstan
