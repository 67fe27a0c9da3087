#include "agent_connection.h"

#include <utility>

#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "capstan/security/random.h"

namespace capstan::bench {

Result<std::unique_ptr<HubClient>> connect_with_key(const RunSpec& spec, std::string_view key,
                                                    std::shared_ptr<ZmqContext> zmq, int wait_ms) {
  if (Status seeded = init_security(); !seeded) return seeded.error();
  auto own = load_key_file(Layout{spec.dir}.agent_key(key));
  if (!own) return own.error();

  HubClientOptions hub_options;
  hub_options.endpoint = spec.endpoint;
  hub_options.keys = {own->public_key, std::move(own->secret_key)};
  hub_options.client = "capstan-bench/1";
  hub_options.zmq = std::move(zmq);
  if (!spec.hub_public_key.empty()) {
    auto hub_key = PublicKey::from_z85(spec.hub_public_key);
    if (!hub_key) return hub_key.error();
    hub_options.hub_key = *hub_key;
  }
  auto hub = HubClient::open(std::move(hub_options));
  if (!hub) return hub.error();
  if (Status ready = hub.value()->wait_ready(wait_ms); !ready) return ready.error();
  return hub;
}

Result<AgentConnection> connect_agent(const RunSpec& spec, AgentOptions options) {
  auto hub = connect_with_key(spec, options.name);
  if (!hub) return hub.error();
  auto agent = hub.value()->attach(std::move(options));
  if (!agent) return agent.error();
  return AgentConnection{std::move(hub).value(), std::move(agent).value()};
}

Result<ParamMap> ask_status(HubClient& client) {
  constexpr int kAnswerMs = 30'000;
  auto status = client.request("status", ParamMap(), kAnswerMs);
  if (status && !status->flag("ready").value_or(false))
    return {ErrorCode::kUnavailable, "the hub is not ready"};
  return status;
}

}  // namespace capstan::bench
