// How long a hub with much mail takes to be ready again after kill -9.
#pragma once

#include "capstan/base/result.h"
#include "scale.h"

namespace capstan::bench {

/// Two rows: `options.envelopes` are stored for one absent agent, a hundredth of them right before
/// each kill; time from the start of the process until `status` says ready. The second time without
/// the page cache, where this process may drop it; else that row is missing, and standard error
/// says why.
Status measure_restart(const ScaleOptions& options, const AddRow& add_row);

}  // namespace capstan::bench
