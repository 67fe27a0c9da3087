// Removing an agent: its name leaves agents/ first, so that a crash can only leave a note behind
// that finishes the removal; then the record; then the note goes. PROTOCOL.md §7.
#include "capstan/security/admission.h"
#include "operation.h"

namespace capstan {

namespace {

void answer_removal(Core& core, const std::string& name, const std::optional<Error>& error) {
  const auto at = core.removals.find(name);
  if (at == core.removals.end()) return;
  const WaitingRemoval waiting = std::move(at->second);
  core.removals.erase(at);
  Connection* connection = core.find_connection(waiting.connection);
  if (connection == nullptr) return;
  answer_request(core, *connection, waiting.request_id,
                 error ? Result<ParamMap>(*error) : Result<ParamMap>(waiting.result));
}

/// A note of an earlier process speaks of the agent that had its key then: the name may belong to
/// a new one by now.
bool is_meant(const Core& core, const NameWithdrawn& withdrawn, const AgentRecord& agent) {
  if (core.removals.count(withdrawn.name) != 0) return true;
  return agent.key == withdrawn.key || agent.key == decltype(agent.key){};
}

}  // namespace

namespace operations {

Answer agent_remove(Core& core, Connection& connection, const Request& request,
                    const ParamMap& params) {
  const auto agent = named_agent(core, params);
  if (!agent) return agent.error();
  const AgentRecord& record = *core.state.find_agent(*agent);
  if (record.role == AgentRole::kAdmin) {
    return Error{ErrorCode::kInvalidArgument, "an operator is not removed"};
  }
  if (core.waiting_admissions.count(record.name) != 0 || core.removals.count(record.name) != 0) {
    return Error{ErrorCode::kUnavailable,
                 "agent '" + record.name + "' is being added or removed right now"};
  }
  WaitingRemoval waiting{connection.id, request.request_id, {}};
  waiting.result.set("agent_id", id_bytes(*agent));
  core.removals[record.name] = std::move(waiting);
  core.effects->push_back(WithdrawName{record.name});
  return std::nullopt;
}

}  // namespace operations

void take_withdrawal(Core& core, const NameWithdrawn& withdrawn) {
  if (withdrawn.error) return answer_removal(core, withdrawn.name, withdrawn.error);
  const AgentRecord* agent = core.state.find_agent(withdrawn.name);
  if (agent != nullptr && is_meant(core, withdrawn, *agent)) {
    const std::uint64_t left = retire_agent(core, agent->id);
    const auto waiting = core.removals.find(withdrawn.name);
    if (waiting != core.removals.end()) {
      waiting->second.result.set("waiting", left)
          .set("withdrawn", withdrawn.withdrawn)
          .set("narrowed", withdrawn.narrowed)
          .set("covering", withdrawn.covering);
    }
  }
  if (withdrawn.keys) take_keys(core, *withdrawn.keys);
  if (core.uncommitted()) {
    core.consequences().withdrawals.push_back({withdrawn.name});
  } else {
    core.effects->push_back(ForgetWithdrawal{withdrawn.name});
  }
}

void take_forgotten(Core& core, const WithdrawalForgotten& forgotten) {
  if (forgotten.error) {
    core.audit("note_remains",
               "name=" + forgotten.name + " error=\"" + forgotten.error->text() + "\"");
  }
  answer_removal(core, forgotten.name, forgotten.error);
}

}  // namespace capstan
