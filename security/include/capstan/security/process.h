// What a process that holds secrets tells the kernel about itself.
#pragma once

#include "capstan/base/result.h"

namespace capstan {

/// No core dump, and no other process of the same user may attach or read the memory. libzmq keeps
/// copies of the CURVE secret that nobody can wipe, so this guards them, not sodium_mlock().
///
/// Errors: kIo: the kernel refused; the caller decides whether to go on.
/// Source: THREATS.md §4.4.
[[nodiscard]] Status harden_process();

}  // namespace capstan
