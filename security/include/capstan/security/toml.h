// The flat part of TOML that our files use: keys, and sections of keys. The one place that knows
// the library behind it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "capstan/base/result.h"

namespace capstan {

struct TomlPlace {
  std::uint32_t line = 0;    ///< The first line is 1.
  std::uint32_t column = 0;  ///< The first column is 1.
};

/// A value of a kind that none of our options has: a float, a date, a table, a mixed array.
struct TomlOther {
  bool operator==(const TomlOther&) const = default;
};

using TomlValue =
    std::variant<TomlOther, std::string, bool, std::int64_t, std::vector<std::string>>;

struct TomlEntry {
  std::string key;
  TomlPlace key_place;
  TomlValue value;
  TomlPlace value_place;
};

/// The section named "" holds the keys before the first header.
struct TomlSection {
  std::string name;
  TomlPlace place;
  std::vector<TomlEntry> entries;
};

struct TomlDocument {
  std::vector<TomlSection> sections;  ///< The section "" is always there, and first.
};

/// Errors: kBadConfig, "FILE:LINE:COLUMN: what is wrong".
[[nodiscard]] Result<TomlDocument> parse_toml(std::string_view text,
                                              const std::filesystem::path& file);

/// "FILE:LINE:COLUMN: sentence", the form that editors jump to. Always one line: control characters
/// of the sentence are written as TOML escapes.
[[nodiscard]] std::string toml_problem(const std::filesystem::path& file, TomlPlace place,
                                       std::string_view sentence);

/// The text between single quotes: how TOML writes text that has none in it, and how we quote.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace capstan
