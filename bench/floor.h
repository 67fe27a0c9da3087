// The floor: what the same sockets and the same synced LevelDB blocks do without a broker.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// One run: producer process → ROUTER → synced block → consumer process over loopback TCP.
///
/// Counts envelopes that are durable, accepted at the producer and checked by the consumer, from
/// the first send to the last of all these. With `spec.journal` false nothing is stored.
Result<RunResult> run_floor(const RunSpec& spec);

}  // namespace capstan::bench
