// Exit codes, the same for every command.
#pragma once

#include <string>

#include "capstan/base/error.h"

namespace capstan::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitListenTimeout = 27;
inline constexpr int kExitNoHub = 75;
inline constexpr int kExitRefused = 77;
inline constexpr int kExitConfig = 78;

[[nodiscard]] int exit_code(const Error& error);

/// From now on what goes to stderr is JSON: one object a line. Before any thread starts.
void report_as_json();

/// Prints "capstan: WHERE: NAME: what happened" on stderr, or {"code": NAME, "error": the same,
/// "where": WHERE}, and returns the error's exit code. `where` is left out when it is empty.
int report(const Error& error, const std::string& where = "");

/// What went well, but not in every respect: "capstan: TEXT", or {"warning": TEXT}.
void warn(const std::string& text);

}  // namespace capstan::cli
