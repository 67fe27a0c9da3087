// Takes a crowd's mail.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// The role of the receivers' process: checks that each of `spec.agents` agents of the crowd gets
/// what the filler sent it, once and in order, and acknowledges all of it. The agents of one key
/// receive at the same time over one connection.
///
/// Prints {"envelopes", "seconds"}.
/// Errors: kDamaged when an envelope is not the expected one; kTimeout when none comes.
Status run_mail_drainer(const RunSpec& spec);

}  // namespace capstan::bench
