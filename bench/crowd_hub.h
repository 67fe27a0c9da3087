// A hub with a crowd of agents, and what the workloads ask of it.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "capstan/base/result.h"
#include "capstan/client/hub_client.h"
#include "hub_process.h"
#include "report.h"
#include "run_spec.h"

namespace capstan::bench {

/// No part of a workload takes longer.
inline constexpr double kPartSeconds = 1800.0;

/// Runs one role against the hub until its end; returns what it printed, {"envelopes", "seconds"}.
/// Errors: also the end of the hub's log.
Result<nlohmann::json> run_part(const std::string& role, const RunSpec& spec,
                                const HubProcess& hub);

/// Connects as the operator, trying for twenty seconds.
Result<std::unique_ptr<HubClient>> connect_operator(const RunSpec& spec, const HubProcess& hub);

/// Waits until exactly `envelopes` wait for all agents together: acknowledgements are on their way
/// for a moment. Errors: kDamaged when they do not within half a minute.
Status expect_pending(HubClient& as_operator, std::uint64_t envelopes);

/// The row of a workload on this hub, without any figure.
[[nodiscard]] Row crowd_row(const std::string& workload, const RunSpec& spec);

}  // namespace capstan::bench
