// One sender, one receiver, the real hub between them.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// One run: a fresh hub, a sender process and a receiver process over loopback TCP; every envelope
/// is synced, accepted at the sender, checked and acknowledged by the receiver.
///
/// Counts as run_floor() does. `spec.batch_bytes` and `spec.window` are not used: client and hub
/// have their own.
Result<RunResult> run_one_to_one(const RunSpec& spec);

}  // namespace capstan::bench
