// Sends a crowd its mail.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// The role of the sender's process: posts `spec.envelopes` to `spec.agents` agents of the crowd in
/// turn, as fast as they are accepted, and waits until all are.
///
/// Prints {"envelopes", "seconds"}.
Status run_mail_filler(const RunSpec& spec);

}  // namespace capstan::bench
