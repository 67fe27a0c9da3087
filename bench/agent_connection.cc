#include "agent_connection.h"

#include <utility>

#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "capstan/security/random.h"

namespace capstan::bench {

Result<AgentConnection> connect_agent(const RunSpec& spec, AgentOptions options) {
  constexpr int kConnectMs = 20'000;
  if (Status seeded = init_security(); !seeded) return seeded.error();
  auto own = load_key_file(Layout{spec.dir}.agent_key(options.name));
  if (!own) return own.error();

  HubClientOptions hub_options;
  hub_options.endpoint = spec.endpoint;
  hub_options.keys = {own->public_key, std::move(own->secret_key)};
  hub_options.client = "capstan-bench/1";
  if (!spec.hub_public_key.empty()) {
    auto hub_key = PublicKey::from_z85(spec.hub_public_key);
    if (!hub_key) return hub_key.error();
    hub_options.hub_key = *hub_key;
  }
  auto hub = HubClient::open(std::move(hub_options));
  if (!hub) return hub.error();
  if (Status ready = hub.value()->wait_ready(kConnectMs); !ready) return ready.error();
  auto agent = hub.value()->attach(std::move(options));
  if (!agent) return agent.error();
  return AgentConnection{std::move(hub).value(), std::move(agent).value()};
}

}  // namespace capstan::bench
