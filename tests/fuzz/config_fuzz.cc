// What somebody may write into capstan.toml.
#include <array>
#include <cctype>
#include <cstdio>
#include <sstream>

#include "capstan/base/check.h"
#include "config/config.h"
#include "config/endpoint.h"
#include "config/options.h"
#include "target.h"

namespace capstan::fuzz {

namespace {

constexpr std::string_view kFile = "fuzz.toml";

/// A basic string of TOML: what is not plain is escaped.
std::string toml_string(std::string_view text) {
  std::string written = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && code != 0x7f && c != '"' && c != '\\') {
      written += c;
      continue;
    }
    std::array<char, 8> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(code));
    written += escaped.data();
  }
  return written + '"';
}

/// An option's value as it may be written, after a check that it is within its bounds.
struct WriteValue {
  Config& config;
  std::string operator()(const TextOption& kind) const { return toml_string(kind.field(config)); }
  std::string operator()(const FlagOption& kind) const {
    return kind.field(config) ? "true" : "false";
  }
  std::string operator()(const NumberOption& kind) const {
    const std::uint64_t value = kind.field(config);
    CAPSTAN_CHECK(value >= kind.least && value <= kind.most);
    return std::to_string(value);
  }
  std::string operator()(const LevelOption& kind) const {
    return toml_string(log_level_text(kind.field(config)));
  }
  std::string operator()(const ChoiceOption& kind) const { return toml_string(kind.field(config)); }
};

std::string written(Config config) {
  std::string text;
  std::string_view section;
  for (const Option& option : all_options()) {
    if (option.section != section) text.append("[").append(option.section).append("]\n");
    section = option.section;
    text.append(option.name).append(" = ").append(std::visit(WriteValue{config}, option.kind));
    text += '\n';
  }
  return text;
}

/// What is taken can be started with, and says the same when every option is written out.
void check_config(const Config& config) {
  const auto endpoint = parse_endpoint(config.listen.endpoint);
  CAPSTAN_CHECK(endpoint);
  CAPSTAN_CHECK(config.security.curve || config.security.insecure || endpoint->is_local());
  CAPSTAN_CHECK(config.delivery.lease_ms >= 2 * config.delivery.heartbeat_ms);
  CAPSTAN_CHECK(config.send.commit_budget_bytes >= config.send.window_bytes);
  CAPSTAN_CHECK(!config.journal.directory.empty());
  const auto again = parse_config(written(config), std::string(kFile));
  CAPSTAN_CHECK(again && *again == config);
}

bool take_number(std::string_view& line) {
  std::size_t digits = 0;
  while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits])) != 0) {
    ++digits;
  }
  line.remove_prefix(digits);
  if (digits == 0 || !line.starts_with(':')) return false;
  line.remove_prefix(1);
  return true;
}

/// Every line of a refusal names a place, whatever the file says: nobody can forge one, nor write
/// into the log.
void check_refusal(const Error& error) {
  CAPSTAN_CHECK(error.code == ErrorCode::kBadConfig && !error.context.empty());
  std::istringstream lines(error.context);
  for (std::string text; std::getline(lines, text);) {
    std::string_view line = text;
    CAPSTAN_CHECK(line.starts_with(kFile));
    line.remove_prefix(kFile.size());
    CAPSTAN_CHECK(line.starts_with(':'));
    line.remove_prefix(1);
    CAPSTAN_CHECK(take_number(line) && take_number(line));
    CAPSTAN_CHECK(line.size() > 1);
    for (const char c : line) {
      const auto code = static_cast<unsigned char>(c);
      CAPSTAN_CHECK(code >= 0x20 && code != 0x7f);
    }
  }
}

}  // namespace

void run_one(Bytes input) {
  const auto config = parse_config(as_text(input), std::string(kFile));
  if (config) {
    check_config(*config);
  } else {
    check_refusal(config.error());
  }
}

}  // namespace capstan::fuzz
