// Every option of capstan.toml, declared once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"

namespace capstan {

/// When a change of the file takes effect.
enum class Reload { kAtRestart, kOnReload };

struct TextOption {
  std::string_view value;  ///< The default.
  std::string& (*field)(Config&);
};

struct FlagOption {
  bool value;
  bool& (*field)(Config&);
};

struct NumberOption {
  std::uint64_t value;
  std::uint64_t least;
  std::uint64_t most;
  std::uint64_t& (*field)(Config&);
};

struct LevelOption {
  LogLevel value;
  LogLevel& (*field)(Config&);
};

/// One of a few words.
struct ChoiceOption {
  std::string_view value;  ///< The default.
  std::span<const std::string_view> choices;
  std::string& (*field)(Config&);
};

using OptionKind = std::variant<TextOption, FlagOption, NumberOption, LevelOption, ChoiceOption>;

struct Option {
  std::string_view section;
  std::string_view name;
  std::string_view unit;  ///< "bytes", "ms", "envelopes"; empty when it has none.
  Reload reload;
  OptionKind kind;
  std::string_view sentence;  ///< What it does, for the person who writes the file.
};

/// In the order of the example file; the options of one section stand together.
[[nodiscard]] std::span<const Option> all_options();

inline constexpr std::string_view kBytesUnit = "bytes";

inline constexpr LogLevel kLogLevels[] = {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo,
                                          LogLevel::kWarn, LogLevel::kError};

}  // namespace capstan
