// Private to security/: files whose whole TOML is a handful of keys without sections.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/security/toml.h"

namespace capstan {

/// One line per section, and per key that is not among `known`.
[[nodiscard]] std::vector<std::string> find_unknown_keys(const TomlDocument& document,
                                                         const std::filesystem::path& file,
                                                         std::span<const std::string_view> known);

/// The value of `key` when it is there and of this type; else null, and a line in `problems`.
template <typename T>
[[nodiscard]] const T* require_value(const TomlDocument& document,
                                     const std::filesystem::path& file, std::string_view key,
                                     std::string_view kind, std::vector<std::string>& problems) {
  for (const TomlEntry& entry : document.sections.front().entries) {
    if (entry.key != key) continue;
    if (const T* value = std::get_if<T>(&entry.value)) return value;
    problems.push_back(
        toml_problem(file, entry.value_place, in_quotes(key) + " must be " + std::string(kind)));
    return nullptr;
  }
  problems.push_back(file.string() + ": " + in_quotes(key) + " is missing");
  return nullptr;
}

/// The lines, with a newline between them.
[[nodiscard]] std::string join_lines(const std::vector<std::string>& lines);

}  // namespace capstan
