// What a connected agent that does nothing costs the hub.
#pragma once

#include "capstan/base/result.h"
#include "scale.h"

namespace capstan::bench {

/// One row: `options.idle_agents` agents with CURVE, each with a key, a connection and a receiving
/// session of its own. The hub's RssAnon before they come is subtracted, and the rest divided.
Status measure_idle_agents(const ScaleOptions& options, const AddRow& add_row);

}  // namespace capstan::bench
