// How an agent of a workload comes to its hub.
#pragma once

#include <memory>
#include <string>

#include "capstan/base/result.h"
#include "capstan/client/hub_client.h"
#include "run_spec.h"

namespace capstan::bench {

/// An agent and the connection that it lives on.
struct AgentConnection {
  std::unique_ptr<HubClient> hub;
  std::shared_ptr<AgentClient> agent;
};

/// Connects with the key of `options.name` from the hub's folder, over CURVE when
/// `spec.hub_public_key` is given, and attaches.
///
/// Errors: kUnavailable after twenty seconds without a hub; the hub's refusal.
Result<AgentConnection> connect_agent(const RunSpec& spec, AgentOptions options);

}  // namespace capstan::bench
