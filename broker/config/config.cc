#include "config/config.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "capstan/base/check.h"
#include "capstan/security/file.h"
#include "capstan/security/toml.h"
#include "config/endpoint.h"
#include "config/options.h"
#include "config/suggest.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

struct ByteUnit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr ByteUnit kByteUnits[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}};

/// "256 MiB", or "256MiB"; empty when it is anything else, or more than 64 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  for (const ByteUnit& unit : kByteUnits) {
    if (text == unit.name && count <= UINT64_MAX / unit.bytes) return count * unit.bytes;
  }
  return {};
}

/// The reverse of parse_bytes() for whole units; other numbers as they are.
std::string number_text(std::uint64_t number, std::string_view unit) {
  if (unit == kBytesUnit) {
    for (const ByteUnit& size : kByteUnits) {
      if (number >= size.bytes && number % size.bytes == 0) {
        return std::to_string(number / size.bytes) + " " + std::string(size.name);
      }
    }
  }
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, '_');
  return text;
}

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

void set_default(Config& config, const Option& option) {
  std::visit([&](const auto& kind) { kind.field(config) = kind.value; }, option.kind);
}

/// The default as it is written in a file.
std::string value_text(const Option& option) {
  return std::visit(
      Overloaded{[](const TextOption& kind) { return in_quotes(kind.value); },
                 [](const FlagOption& kind) { return std::string(kind.value ? "true" : "false"); },
                 [&](const NumberOption& kind) {
                   const std::string text = number_text(kind.value, option.unit);
                   return text.ends_with("iB") ? in_quotes(text) : text;
                 },
                 [](const LevelOption& kind) { return in_quotes(log_level_text(kind.value)); },
                 [](const ChoiceOption& kind) { return in_quotes(kind.value); }},
      option.kind);
}

std::string level_list() {
  std::string list;
  for (const LogLevel level : kLogLevels) {
    if (!list.empty()) list += ", ";
    list += log_level_text(level);
  }
  return list;
}

std::string list_of(std::span<const std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) {
    if (!list.empty()) list += ", ";
    list += word;
  }
  return list;
}

/// What may be written, for the documentation and for problems.
std::string range_text(const Option& option) {
  return std::visit(
      Overloaded{[](const TextOption&) { return std::string("text between quotes"); },
                 [](const FlagOption&) { return std::string("true or false"); },
                 [&](const NumberOption& kind) {
                   std::string text = number_text(kind.least, option.unit) + " to " +
                                      number_text(kind.most, option.unit);
                   const bool sized = option.unit == kBytesUnit;
                   return sized ? text + ", also as a plain number of bytes"
                                : text + " " + std::string(option.unit);
                 },
                 [](const LevelOption&) { return "one of " + level_list(); },
                 [](const ChoiceOption& kind) { return "one of " + list_of(kind.choices); }},
      option.kind);
}

/// Puts the value into its field; false when it is of the wrong type or out of its bounds.
bool set_value(Config& config, const Option& option, const TomlValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  const auto* flag = std::get_if<bool>(&value);
  const auto* number = std::get_if<std::int64_t>(&value);
  return std::visit(Overloaded{[&](const TextOption& kind) {
                                 if (text == nullptr || text->empty()) return false;
                                 kind.field(config) = *text;
                                 return true;
                               },
                               [&](const FlagOption& kind) {
                                 if (flag == nullptr) return false;
                                 kind.field(config) = *flag;
                                 return true;
                               },
                               [&](const NumberOption& kind) {
                                 std::optional<std::uint64_t> given;
                                 if (number != nullptr && *number >= 0) {
                                   given = static_cast<std::uint64_t>(*number);
                                 }
                                 if (text != nullptr && option.unit == kBytesUnit)
                                   given = parse_bytes(*text);
                                 if (!given || *given < kind.least || *given > kind.most)
                                   return false;
                                 kind.field(config) = *given;
                                 return true;
                               },
                               [&](const LevelOption& kind) {
                                 for (const LogLevel level : kLogLevels) {
                                   if (text == nullptr || *text != log_level_text(level)) continue;
                                   kind.field(config) = level;
                                   return true;
                                 }
                                 return false;
                               },
                               [&](const ChoiceOption& kind) {
                                 const bool known =
                                     text != nullptr &&
                                     std::find(kind.choices.begin(), kind.choices.end(), *text) !=
                                         kind.choices.end();
                                 if (known) kind.field(config) = *text;
                                 return known;
                               }},
                    option.kind);
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const Option& option : all_options()) {
    if (names.empty() || names.back() != option.section) names.push_back(option.section);
  }
  return names;
}

std::vector<std::string_view> option_names(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Option& option : all_options()) {
    if (option.section == section) names.push_back(option.name);
  }
  return names;
}

const Option* find_option(std::string_view section, std::string_view name) {
  for (const Option& option : all_options()) {
    if (option.section == section && option.name == name) return &option;
  }
  return nullptr;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view closest = closest_word(word, candidates);
  if (closest.empty()) return {};
  return "; did you mean " + in_quotes(closest) + "?";
}

/// Reads a document into a Config and keeps what it finds wrong on the way.
class Reader {
 public:
  Reader(const TomlDocument& document, const fs::path& file) : document_(document), file_(file) {}

  Result<Config> read() {
    config_ = default_config();
    config_.base = file_.parent_path();
    for (const TomlSection& section : document_.sections) read_section(section);
    check_endpoint();
    check_relations();
    check_retention();
    if (problems_.empty()) return std::move(config_);
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
      return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    std::string context;
    for (const Problem& problem : problems_) {
      if (!context.empty()) context += '\n';
      context += toml_problem(file_, problem.place, problem.sentence);
    }
    return {ErrorCode::kBadConfig, std::move(context)};
  }

 private:
  struct Problem {
    TomlPlace place;
    std::string sentence;
  };

  void tell(TomlPlace place, std::string sentence) {
    problems_.push_back({place, std::move(sentence)});
  }

  [[nodiscard]] bool is_told(TomlPlace place) const {
    return std::any_of(problems_.begin(), problems_.end(), [&](const Problem& problem) {
      return problem.place.line == place.line && problem.place.column == place.column;
    });
  }

  void read_section(const TomlSection& section) {
    if (section.name.empty()) {
      for (const TomlEntry& entry : section.entries) tell_outside(entry);
      return;
    }
    if (option_names(section.name).empty()) {
      tell(section.place,
           "unknown section [" + section.name + "]" + suggestion(section.name, section_names()));
      return;
    }
    for (const TomlEntry& entry : section.entries) read_entry(section.name, entry);
  }

  void tell_outside(const TomlEntry& entry) {
    for (const std::string_view section : section_names()) {
      if (find_option(section, entry.key) == nullptr) continue;
      tell(entry.key_place, in_quotes(entry.key) + " belongs under [" + std::string(section) + "]");
      return;
    }
    if (!option_names(entry.key).empty()) {
      tell(entry.key_place, in_quotes(entry.key) + " is a section: write [" + entry.key + "]");
      return;
    }
    tell(entry.key_place,
         "unknown key " + in_quotes(entry.key) + suggestion(entry.key, section_names()));
  }

  void read_entry(const std::string& section, const TomlEntry& entry) {
    const Option* const option = find_option(section, entry.key);
    if (option == nullptr) {
      tell(entry.key_place, "unknown key " + in_quotes(entry.key) + " in [" + section + "]" +
                                suggestion(entry.key, option_names(section)));
      return;
    }
    if (set_value(config_, *option, entry.value)) return;
    const auto* const text = std::get_if<std::string>(&entry.value);
    const bool empty = text != nullptr && text->empty();
    tell(entry.value_place, in_quotes(entry.key) +
                                (empty ? " must not be empty: it is " : " must be ") +
                                range_text(*option));
  }

  /// Where the option is written; where it is not, the beginning of the file.
  [[nodiscard]] TomlPlace place_of(std::string_view section_name, std::string_view key) const {
    for (const TomlSection& section : document_.sections) {
      if (section.name != section_name) continue;
      for (const TomlEntry& entry : section.entries) {
        if (entry.key == key) return entry.value_place;
      }
    }
    return {1, 1};
  }

  void check_endpoint() {
    const Result<Endpoint> endpoint = parse_endpoint(config_.listen.endpoint);
    const Result<Endpoint> place =
        endpoint ? resolve_endpoint(*endpoint, config_.base) : endpoint.error();
    if (!place) {
      tell(place_of("listen", "endpoint"), place.error().context);
      return;
    }
    config_.listen.endpoint = endpoint->text();
    if (config_.security.curve || config_.security.insecure || endpoint->is_local()) return;
    tell(place_of("security", "curve"),
         "without curve anybody who reaches " + endpoint->text() +
             " can read and send everything; write curve = true, or listen on 127.0.0.1, [::1] or "
             "ipc, or, if that is what you want, insecure = true");
  }

  /// A kind needs its own number, and a number its kind: either alone would keep something else
  /// than the file seems to say.
  void check_retention_number(std::string_view kind, std::string_view key, std::uint64_t number) {
    if (is_told(place_of("retention", "kind")) || is_told(place_of("retention", key))) return;
    const bool wanted = config_.retention.kind == kind;
    if (wanted && number == 0) {
      tell(place_of("retention", "kind"), "kind = " + in_quotes(kind) + " needs " + in_quotes(key) +
                                              " in [retention], at least 1");
    }
    if (!wanted && number != 0) {
      tell(place_of("retention", key), in_quotes(key) + " counts with kind = " + in_quotes(kind) +
                                           " alone, and kind is " +
                                           in_quotes(config_.retention.kind));
    }
  }

  void check_retention() {
    check_retention_number("age", "age_seconds", config_.retention.age_seconds);
    check_retention_number("bytes", "bytes", config_.retention.bytes);
    check_retention_number("count", "count", config_.retention.count);
  }

  void check_relations() {
    if (config_.delivery.lease_ms < 2 * config_.delivery.heartbeat_ms) {
      tell(place_of("delivery", "lease_ms"),
           "'lease_ms' must be at least twice 'heartbeat_ms', or one late heartbeat ends a "
           "session");
    }
    if (config_.send.commit_budget_bytes < config_.send.window_bytes) {
      tell(place_of("send", "commit_budget_bytes"),
           "'commit_budget_bytes' must be at least 'window_bytes', or no window could be granted");
    }
  }

  const TomlDocument& document_;
  const fs::path& file_;
  Config config_;
  std::vector<Problem> problems_;
};

constexpr std::size_t kCommentWidth = 98;

/// Appends the words as comment lines.
void append_comment(std::string& to, std::string_view words) {
  std::string line = "#";
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kCommentWidth) {
      to.append(line).append(1, '\n');
      line.resize(1);
    }
    line.append(1, ' ').append(word);
  }
  to.append(line).append(1, '\n');
}

}  // namespace

std::string_view log_level_text(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

Config default_config() {
  Config config;
  for (const Option& option : all_options()) set_default(config, option);
  return config;
}

Result<Config> load_config(const fs::path& path) {
  const Result<SecretText> text = read_small_file(path, FileUse::kPublic);
  if (!text) return text.error();
  return parse_config(text->view(), path);
}

Result<Config> parse_config(std::string_view text, const fs::path& path) {
  const Result<TomlDocument> document = parse_toml(text, path);
  if (!document) return document.error();
  return Reader(*document, path).read();
}

std::string render_config(std::string_view endpoint) {
  CAPSTAN_CHECK(parse_endpoint(endpoint).ok());
  std::string text;
  append_comment(text,
                 "Capstan hub. Every option is here with its default; a line that you delete or "
                 "comment out takes the default. An unknown key is an error.");
  std::string_view section;
  for (const Option& option : all_options()) {
    text += '\n';
    if (option.section != section) text.append("[").append(option.section).append("]\n");
    section = option.section;
    append_comment(text, option.sentence);
    append_comment(text, "Default " + value_text(option) + "; " + range_text(option) +
                             (option.reload == Reload::kOnReload ? "; taken over on reload."
                                                                 : "; taken over at a restart."));
    const bool is_endpoint = option.section == "listen" && option.name == "endpoint";
    text += std::string(option.name) + " = " +
            (is_endpoint ? in_quotes(endpoint) : value_text(option)) + "\n";
  }
  return text;
}

}  // namespace capstan
