#include "idle_crowd.h"

#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "agent_connection.h"
#include "crowd.h"
#include "processes.h"

namespace capstan::bench {

Status run_idle_crowd(const RunSpec& spec) {
  auto zmq = ZmqContext::make();
  if (!zmq) return zmq.error();
  std::vector<AgentConnection> connections;
  for (std::uint64_t i = spec.first_agent; i < spec.first_agent + spec.agents; ++i) {
    auto hub = connect_with_key(spec, crowd_key(i, 1), *zmq);
    if (!hub) return hub.error();
    AgentOptions options;
    options.name = crowd_agent(i);
    options.mode = AttachMode::kReceive;
    auto agent = hub.value()->attach(std::move(options));
    if (!agent) return agent.error();
    connections.push_back({std::move(hub).value(), std::move(agent).value()});
  }
  tell_parent({{"attached", connections.size()}});
  for (;;) ::pause();
}

}  // namespace capstan::bench
