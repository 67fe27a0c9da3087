// The memory of a hub on which mail waits for agents that are absent.
#pragma once

#include "capstan/base/result.h"
#include "scale.h"

namespace capstan::bench {

/// Two rows: `options.envelopes` for one absent agent, and as many in turn for `options.crowd` of
/// them. The hub's RssAnon is read while all of them wait; then they are received and counted.
Status measure_backlog(const ScaleOptions& options, const AddRow& add_row);

}  // namespace capstan::bench
