// The sending agent of one_to_one.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// The role of the sender's process: posts to the mailbox `spec.to` until the time is over, waits
/// until all is accepted, and posts one envelope more that ends the run.
///
/// Prints {"envelopes", "start_ns", "end_ns", "accept"}; latencies in an open loop only.
Status run_agent_sender(const RunSpec& spec);

}  // namespace capstan::bench
