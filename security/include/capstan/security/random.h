// Chance that nobody can predict, for keys, ids and seeds. What must replay is base/random.h.
#pragma once

#include <cstdint>
#include <span>

#include "capstan/base/result.h"

namespace capstan {

/// Prepares libsodium and seeds the C library's rand(), from which libzmq takes the first routing
/// id that it gives out and its reconnect jitter. Call it in main(), before the first socket.
///
/// Errors: kUnavailable: the system has no randomness; do not go on.
/// Source: THREATS.md §5.5.
[[nodiscard]] Status init_security();

/// Fills `out`. Thread-safe.
void secure_random(std::span<std::uint8_t> out);

/// A seed for base/random.h.
[[nodiscard]] std::uint64_t secure_seed();

}  // namespace capstan
