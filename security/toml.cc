#include "capstan/security/toml.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <utility>

namespace capstan {
namespace {

TomlPlace place_of(const toml::source_region& source) {
  return {static_cast<std::uint32_t>(source.begin.line),
          static_cast<std::uint32_t>(source.begin.column)};
}

TomlValue value_of_array(const toml::array& array) {
  std::vector<std::string> texts;
  for (const toml::node& element : array) {
    if (!element.is_string()) return TomlOther{};
    texts.push_back(element.as_string()->get());
  }
  return texts;
}

TomlValue value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* array = node.as_array()) return value_of_array(*array);
  return TomlOther{};
}

TomlEntry entry_of(const toml::key& key, const toml::node& node) {
  return {std::string(key.str()), place_of(key.source()), value_of(node), place_of(node.source())};
}

}  // namespace

std::string toml_problem(const std::filesystem::path& file, TomlPlace place,
                         std::string_view sentence) {
  std::string text = file.string();
  text += ':' + std::to_string(place.line) + ':' + std::to_string(place.column) + ": ";
  return text.append(sentence);
}

std::string in_quotes(std::string_view text) {
  // Not with operator+: there gcc 12 at -O3 warns of an overlap that cannot be (its bug 105651).
  std::string quoted;
  quoted.reserve(text.size() + 2);
  quoted.append(1, '\'').append(text).append(1, '\'');
  return quoted;
}

Result<TomlDocument> parse_toml(std::string_view text, const std::filesystem::path& file) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return {ErrorCode::kBadConfig,
            toml_problem(file, place_of(parsed.error().source()), parsed.error().description())};
  }
  TomlDocument document;
  document.sections.push_back({"", {1, 1}, {}});
  for (const auto& [key, node] : parsed.table()) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) {
      document.sections.front().entries.push_back(entry_of(key, node));
      continue;
    }
    TomlSection section{std::string(key.str()), place_of(key.source()), {}};
    for (const auto& [inner_key, inner] : *table) {
      section.entries.push_back(entry_of(inner_key, inner));
    }
    document.sections.push_back(std::move(section));
  }
  return document;
}

}  // namespace capstan
