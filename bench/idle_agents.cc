#include "idle_agents.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "agent_connection.h"
#include "crowd_hub.h"
#include "idle_crowd.h"
#include "process_memory.h"

namespace capstan::bench {
namespace {

// Three heartbeats, so that their buffers are counted.
constexpr auto kSettle = std::chrono::seconds(6);
constexpr double kAttachSeconds = 300.0;

using Children = std::vector<std::unique_ptr<Child>>;

Result<Children> start_crowd(const RunSpec& spec, const HubProcess& hub) {
  Children children;
  RunSpec part = hub.addressed(spec);
  part.seconds = kPartSeconds;
  for (std::uint64_t first = 0; first < spec.agents; first += kIdleAgentsPerProcess) {
    part.first_agent = first;
    part.agents = std::min(kIdleAgentsPerProcess, spec.agents - first);
    auto child = Child::start_role("idle_crowd", part);
    if (!child) return child.error();
    children.push_back(std::move(child).value());
  }
  for (const auto& child : children)
    if (auto attached = child->read_json(kAttachSeconds, &hub.daemon()); !attached)
      return hub.with_log(attached.error());
  return children;
}

Status expect_sessions(HubClient& as_operator, std::uint64_t sessions) {
  auto status = ask_status(as_operator);
  if (!status) return status.error();
  const std::uint64_t attached = status->number("sessions").value_or(0);
  if (attached == sessions) return {};
  return {ErrorCode::kDamaged, std::to_string(sessions) + " sessions should stand, and " +
                                   std::to_string(attached) + " do"};
}

}  // namespace

Status measure_idle_agents(const ScaleOptions& options, const AddRow& add_row) {
  RunSpec spec;
  spec.dir = options.dir;
  spec.curve = true;
  spec.payload_bytes = 0;
  spec.agents = options.idle_agents;
  progress("idle_agents: " + std::to_string(spec.agents) + " agents with a key each");
  auto hub = HubProcess::start(spec, crowd_keys(spec.agents, 1));
  if (!hub) return hub.error();
  auto as_operator = connect_operator(spec, *hub.value());
  if (!as_operator) return as_operator.error();
  if (auto status = ask_status(*as_operator.value()); !status) return status.error();
  const pid_t daemon = hub.value()->daemon().pid();
  auto before = rss_anon_bytes(daemon);
  if (!before) return before.error();

  auto crowd = start_crowd(spec, *hub.value());
  if (!crowd) return crowd.error();
  std::this_thread::sleep_for(kSettle);
  if (Status standing = expect_sessions(*as_operator.value(), spec.agents); !standing)
    return standing;
  auto after = rss_anon_bytes(daemon);
  if (!after) return after.error();

  Row row = crowd_row("idle_agents", spec);
  row.rss_anon_bytes = *after;
  row.bytes_per_agent = (*after - std::min(*before, *after)) / spec.agents;
  set_upper_bound(row, "bytes_per_agent", static_cast<double>(*row.bytes_per_agent),
                  kIdleAgentBytesMax);
  add_row(row);
  return {};
}

}  // namespace capstan::bench
