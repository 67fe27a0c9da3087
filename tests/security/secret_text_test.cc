#include "capstan/security/secret_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace capstan {
namespace {

TEST(SecretText, ShortenWipesWhatItCutsOff) {
  SecretText text("open|secret");
  const char* const tail = text.data() + 5;
  text.shorten(4);
  EXPECT_EQ(text.view(), "open");
  EXPECT_EQ(std::string_view(tail, 6).find("secret"), std::string_view::npos);
}

TEST(SecretText, GrowsWithoutLosingWhatItHeld) {
  SecretText text;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    text.append("piece " + std::to_string(i));
    expected += "piece " + std::to_string(i);
  }
  EXPECT_EQ(text.view(), expected);
}

TEST(SecretText, MovesAndNeverCopies) {
  static_assert(!std::is_copy_constructible_v<SecretText>);
  static_assert(!std::is_copy_assignable_v<SecretText>);
  SecretText first("first");
  SecretText second("second");
  second = std::move(first);
  EXPECT_EQ(second.view(), "first");
}

}  // namespace
}  // namespace capstan
