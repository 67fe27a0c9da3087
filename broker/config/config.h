// What capstan.toml says, with everything that it may say declared in one table (options.cc).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "capstan/base/result.h"

namespace capstan {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

/// Meaning, unit, default and bounds of each field stand in the option table and in the example
/// file, configs/capstan.toml, which is made from it. A Config{} is not the default: that is
/// default_config().
struct Config {
  struct Listen {
    std::string endpoint;  ///< As written; resolve_endpoint() with `base` says where it is.
    bool operator==(const Listen&) const = default;
  } listen;

  struct Security {
    bool curve = true;
    bool insecure = false;
    std::uint64_t agents_per_key_max = 0;
    bool operator==(const Security&) const = default;
  } security;

  struct Journal {
    std::string directory;  ///< As written; see journal_directory().
    std::uint64_t segment_bytes_max = 0;
    std::uint64_t checkpoint_interval_ms = 0;
    std::uint64_t disk_reserve_bytes = 0;
    bool operator==(const Journal&) const = default;
  } journal;

  struct Delivery {
    std::uint64_t lease_ms = 0;
    std::uint64_t heartbeat_ms = 0;
    std::uint64_t inbox_envelopes_max = 0;
    std::uint64_t inbox_bytes_max = 0;
    std::uint64_t max_deliver = 0;
    std::uint64_t ack_wait_ms = 0;
    std::string durability;
    bool operator==(const Delivery&) const = default;
  } delivery;

  struct Retention {
    std::string kind;
    std::uint64_t age_seconds = 0;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;
    bool operator==(const Retention&) const = default;
  } retention;

  struct Send {
    std::uint64_t window_envelopes = 0;
    std::uint64_t window_bytes = 0;
    std::uint64_t commit_budget_bytes = 0;
    bool operator==(const Send&) const = default;
  } send;

  struct Memory {
    std::uint64_t resident_blocks_bytes = 0;
    std::uint64_t index_bytes_max = 0;
    bool operator==(const Memory&) const = default;
  } memory;

  struct Log {
    LogLevel level = LogLevel::kInfo;
    bool operator==(const Log&) const = default;
  } log;

  /// The folder of the file that was loaded; relative paths are relative to it.
  std::filesystem::path base;

  bool operator==(const Config&) const = default;

  [[nodiscard]] std::filesystem::path journal_directory() const { return base / journal.directory; }
};

/// What an empty file says.
[[nodiscard]] Config default_config();

/// Errors: kNotFound; kBadConfig: every problem of the file, one line each,
///         "FILE:LINE:COLUMN: what is wrong; what to write instead"; kTooLarge; kIo.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path);

/// As load_config(), for text in memory; `path` is what problems are reported under.
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::filesystem::path& path);

/// A whole file with every option and its documentation, at its default but for the endpoint.
///
/// Shape: `endpoint` has passed parse_endpoint().
[[nodiscard]] std::string render_config(std::string_view endpoint);

/// "trace", "debug", "info", "warn" or "error".
[[nodiscard]] std::string_view log_level_text(LogLevel level);

}  // namespace capstan
