// The transport alone: the floor's processes and batches, and nothing is stored.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

Result<RunResult> run_raw_zmq(const RunSpec& spec);

}  // namespace capstan::bench
