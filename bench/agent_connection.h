// How an agent of a workload comes to its hub.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "capstan/base/result.h"
#include "capstan/client/hub_client.h"
#include "capstan/codec/params.h"
#include "run_spec.h"

namespace capstan::bench {

/// An agent and the connection that it lives on.
struct AgentConnection {
  std::unique_ptr<HubClient> hub;
  std::shared_ptr<AgentClient> agent;
};

/// Connects with the key KEY.key from the hub's folder, over CURVE when `spec.hub_public_key` is
/// given. Connections of one process share `zmq`; empty: the connection makes its own.
///
/// Errors: kUnavailable after `wait_ms` without a hub; the hub's refusal.
Result<std::unique_ptr<HubClient>> connect_with_key(const RunSpec& spec, std::string_view key,
                                                    std::shared_ptr<ZmqContext> zmq = {},
                                                    int wait_ms = 20'000);

/// Connects with the key of `options.name`, and attaches. Errors: as connect_with_key().
Result<AgentConnection> connect_agent(const RunSpec& spec, AgentOptions options);

/// The hub's figures (PROTOCOL.md §7). Errors: also when the hub is not ready.
Result<ParamMap> ask_status(HubClient& client);

}  // namespace capstan::bench
