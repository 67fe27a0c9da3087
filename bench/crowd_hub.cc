#include "crowd_hub.h"

#include <chrono>
#include <thread>
#include <utility>

#include "agent_connection.h"
#include "capstan/security/layout.h"
#include "processes.h"

namespace capstan::bench {

Result<nlohmann::json> run_part(const std::string& role, const RunSpec& spec,
                                const HubProcess& hub) {
  constexpr double kEndSeconds = 60.0;
  RunSpec own = hub.addressed(spec);
  own.seconds = kPartSeconds;
  auto child = Child::start_role(role, own);
  if (!child) return child.error();
  auto said = child.value()->read_json(kPartSeconds, &hub.daemon());
  if (!said) return hub.with_log(said.error());
  if (auto ended = child.value()->finish(kEndSeconds); !ended) return ended.error();
  return said;
}

Result<std::unique_ptr<HubClient>> connect_operator(const RunSpec& spec, const HubProcess& hub) {
  auto client = connect_with_key(hub.addressed(spec), kOperatorName);
  if (!client) return hub.with_log(client.error());
  return client;
}

Status expect_pending(HubClient& as_operator, std::uint64_t envelopes) {
  constexpr int kTries = 300;
  constexpr auto kBetween = std::chrono::milliseconds(100);
  std::uint64_t pending = 0;
  for (int i = 0; i < kTries; ++i) {
    auto status = ask_status(as_operator);
    if (!status) return status.error();
    pending = status->number("pending").value_or(0);
    if (pending == envelopes) return {};
    std::this_thread::sleep_for(kBetween);
  }
  return {ErrorCode::kDamaged, std::to_string(envelopes) + " envelopes should wait, and " +
                                   std::to_string(pending) + " do"};
}

Row crowd_row(const std::string& workload, const RunSpec& spec) {
  Row row;
  row.system = "capstan";
  row.workload = workload;
  row.durability = "synced";
  row.curve = spec.curve;
  row.payload_bytes = spec.payload_bytes;
  row.agents = spec.agents;
  if (spec.envelopes != 0) row.envelopes = spec.envelopes;
  return row;
}

}  // namespace capstan::bench
