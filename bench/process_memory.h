// How much memory a process has for itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "capstan/base/result.h"

namespace capstan::bench {

/// Resident anonymous memory of a process: heap and stacks, without files that are mapped.
/// Errors: kNotFound: no such process.
/// Source: RssAnon in proc(5), /proc/PID/status.
[[nodiscard]] Result<std::uint64_t> rss_anon_bytes(pid_t process);

/// The same from that file's text. Errors: kMalformedFrame: there is no such line.
[[nodiscard]] Result<std::uint64_t> parse_rss_anon(const std::string& status);

}  // namespace capstan::bench
