// Exit codes, the same for every command.
#pragma once

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

/// Prints "capstan: NAME: what happened" on stderr and returns the error's exit code.
int report(const Error& error);

}  // namespace capstan::cli
