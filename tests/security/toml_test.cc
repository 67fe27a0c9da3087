#include "capstan/security/toml.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

TEST(ParseToml, BrokenTextIsAnErrorWithItsPlace) {
  for (const char* const text : {"a", "a =", "= 1", "[", "a = 'x", "a = 1\na = 2", "a = \xff"}) {
    const auto document = parse_toml(text, "file.toml");
    ASSERT_FALSE(document.ok()) << text;
    EXPECT_EQ(document.error().code, ErrorCode::kBadConfig);
    EXPECT_EQ(document.error().context.rfind("file.toml:", 0), 0U) << document.error().context;
  }
  EXPECT_EQ(parse_toml("a = 1\nb = ?", "f").error().context.rfind("f:2:", 0), 0U);
}

TEST(ParseToml, DeepNestingIsRefusedAndDoesNotOverflow) {
  EXPECT_FALSE(parse_toml("a = " + std::string(100'000, '['), "f").ok());
}

TEST(ParseToml, ReadsEveryKindOfValueAndNamesTheRestOther) {
  const auto document = parse_toml(
      "text = 'x'\nflag = true\nnumber = -7\nlist = ['a', 'b']\nnone = []\n"
      "mixed = ['a', 1]\nfraction = 1.5\nday = 2026-01-01\n[section]\n inner = 1\n"
      "[section.below]\nx = 1\n",
      "f");
  ASSERT_TRUE(document.ok());
  ASSERT_EQ(document->sections.size(), 2U);
  const auto value = [&](std::string_view key) -> TomlValue {
    for (const TomlSection& section : document->sections) {
      for (const TomlEntry& entry : section.entries) {
        if (entry.key == key) return entry.value;
      }
    }
    ADD_FAILURE() << key;
    return {};
  };
  EXPECT_EQ(value("text"), TomlValue(std::string("x")));
  EXPECT_EQ(value("flag"), TomlValue(true));
  EXPECT_EQ(value("number"), TomlValue(std::int64_t{-7}));
  EXPECT_EQ(value("list"), TomlValue(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(value("none"), TomlValue(std::vector<std::string>{}));
  for (const char* const other : {"mixed", "fraction", "day", "below"}) {
    EXPECT_EQ(value(other), TomlValue(TomlOther{})) << other;
  }
}

// Goal: no file can write a line into the list of problems, or into the log, that looks like ours.
TEST(ParseToml, AProblemIsOneLineWhateverItQuotes) {
  EXPECT_EQ(toml_problem("f", {3, 7}, "unknown key 'a\nf:1:1: b\x7f\x1b'"),
            "f:3:7: unknown key 'a\\u000af:1:1: b\\u007f\\u001b'");
}

TEST(ParseToml, AHeaderThatTheLibraryAssumesAwayIsRefused) {
  for (const char* const text : {"[=", "[=\n", "[[=", "[\x01]\n", "[ = 1\n"}) {
    const auto document = parse_toml(text, "f");
    ASSERT_FALSE(document.ok()) << text;
    EXPECT_EQ(document.error().code, ErrorCode::kBadConfig);
  }
}

TEST(ParseToml, PlacesAreThoseOfKeyAndValue) {
  const auto document = parse_toml("\n[ab]\n  key = 'x'\n", "f");
  ASSERT_TRUE(document.ok());
  const TomlSection& section = document->sections.at(1);
  EXPECT_EQ(section.name, "ab");
  EXPECT_EQ(section.place.line, 2U);
  const TomlEntry& entry = section.entries.at(0);
  EXPECT_EQ(entry.key_place.line, 3U);
  EXPECT_EQ(entry.key_place.column, 3U);
  EXPECT_EQ(entry.value_place.line, 3U);
  EXPECT_EQ(entry.value_place.column, 9U);
}

}  // namespace
}  // namespace capstan
