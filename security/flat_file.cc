#include "flat_file.h"

#include <algorithm>

namespace capstan {

std::vector<std::string> find_unknown_keys(const TomlDocument& document,
                                           const std::filesystem::path& file,
                                           std::span<const std::string_view> known) {
  std::vector<std::string> problems;
  for (const TomlSection& section : document.sections) {
    if (section.name.empty()) continue;
    problems.push_back(toml_problem(file, section.place, "this file has no sections"));
  }
  for (const TomlEntry& entry : document.sections.front().entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    problems.push_back(toml_problem(file, entry.key_place, "unknown key " + in_quotes(entry.key)));
  }
  return problems;
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

}  // namespace capstan
