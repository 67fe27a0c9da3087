// The disk alone: synced commits of 64 KiB blocks, one after the other, in one process.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// One run. A commit holds what `spec.window` batches of `spec.batch_bytes` hold together, which is
/// what a group commit can find waiting. `accept` is the latency of commits.
Result<RunResult> run_raw_leveldb(const RunSpec& spec);

/// The role of its process. Prints {"envelopes", "fsyncs", "elapsed_ns", "accept"}.
Status run_raw_leveldb_role(const RunSpec& spec);

}  // namespace capstan::bench
