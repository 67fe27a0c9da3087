// The receiving agent of one_to_one.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// The role of the receiver's process: checks that every envelope comes once and in order, and
/// acknowledges all of them.
///
/// Prints {"mailbox"} when it is attached, and {"envelopes", "end_ns", "delivery"} at the end.
/// Errors: kDamaged when an envelope is not the expected one.
Status run_agent_receiver(const RunSpec& spec);

}  // namespace capstan::bench
