#include "operations.h"

#include <algorithm>
#include <array>

#include "capstan/codec/params.h"
#include "operation.h"

namespace capstan {

namespace {

/// What a request takes of its connection's share of the turn beside its answer: at most 16,384
/// requests have an answer in one turn.
constexpr std::uint64_t kRequestCost = 512;
/// Operators' operations may walk over all agents.
constexpr std::uint64_t kOperatorRequestCost = 16 * 1024;

struct OperationEntry {
  std::string_view name;
  AgentRole role;  ///< kAdmin: for operators only.
  bool changes;    ///< Writes records, or files: a stopping hub does it no more.
  Operation run;
};

constexpr std::array<OperationEntry, 15> kOperations{{
    {"agent_add", AgentRole::kAdmin, true, operations::agent_add},
    {"agent_remove", AgentRole::kAdmin, true, operations::agent_remove},
    {"dead_drop", AgentRole::kAdmin, true, operations::dead_drop},
    {"dead_list", AgentRole::kAdmin, false, operations::dead_list},
    {"dead_resend", AgentRole::kAdmin, true, operations::dead_resend},
    {"get_agent", AgentRole::kAgent, false, operations::get_agent},
    {"inbox", AgentRole::kAgent, false, operations::inbox},
    {"list_agents", AgentRole::kAgent, false, operations::list_agents},
    {"register", AgentRole::kAgent, true, operations::register_agent},
    {"set_resume", AgentRole::kAgent, true, operations::set_resume},
    {"set_rule", AgentRole::kAgent, true, operations::set_rule},
    {"set_skill", AgentRole::kAgent, true, operations::set_skill},
    {"status", AgentRole::kAdmin, false, operations::status},
    {"trace", AgentRole::kAdmin, false, operations::trace},
    {"unregister", AgentRole::kAgent, true, operations::unregister_agent},
}};

Answer run_operation(Core& core, Connection& connection, const Request& request) {
  const auto entry = std::find_if(
      kOperations.begin(), kOperations.end(),
      [&](const OperationEntry& candidate) { return candidate.name == request.operation; });
  if (entry == kOperations.end()) {
    return Error{ErrorCode::kUnknownOperation,
                 "no operation '" + printable(request.operation) + "'"};
  }
  if (entry->role == AgentRole::kAdmin && !is_admin(connection)) {
    return deny_operation(
        core, connection, request.operation,
        "operation '" + request.operation + "' is for operators (keys/operator.key)");
  }
  if (entry->changes && core.stopping) {
    return Error{ErrorCode::kHubStopping, "the hub is stopping; ask again later"};
  }
  if (entry->role == AgentRole::kAdmin) core.charge(connection, kOperatorRequestCost);
  const auto params = decode_params(request.params);
  if (!params) return params.error();
  return entry->run(core, connection, request, *params);
}

}  // namespace

bool is_admin(const Connection& connection) {
  return connection.any_key || connection.identity.role == AgentRole::kAdmin;
}

Error deny_operation(Core& core, const Connection& connection, const std::string& operation,
                     std::string message) {
  ++core.counters.refused_identity;
  core.audit("access_denied", "key=" + connection.identity.name + " operation=" + operation);
  return {ErrorCode::kAccessDenied, std::move(message)};
}

Result<AgentId> named_agent(const Core& core, const ParamMap& params) {
  const auto name = params.text("name");
  if (!name) return {ErrorCode::kInvalidArgument, "the text 'name' names an agent"};
  const AgentRecord* agent = core.state.find_agent(*name);
  if (agent == nullptr) {
    return {ErrorCode::kNotFound, "no agent is named '" + printable(*name) + "'"};
  }
  return agent->id;
}

std::string name_of(const Core& core, AgentId agent) {
  const AgentRecord* record = core.state.find_agent(agent);
  return record == nullptr ? std::string() : record->name;
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  names.reserve(kOperations.size());
  for (const OperationEntry& entry : kOperations) names.emplace_back(entry.name);
  return names;
}

void answer_request(Core& core, Connection& connection, std::uint64_t request_id,
                    const Result<ParamMap>& answer) {
  Response response;
  response.request_id = request_id;
  if (answer) {
    response.result = encode_params(*answer);
  } else {
    response.code = answer.error().code;
    response.message = answer.error().context;
  }
  core.reply(connection, response);
}

void handle_request(Core& core, Connection& connection, const Request& request) {
  if (!core.has_share(connection)) {
    answer_request(core, connection, request.request_id,
                   Error{ErrorCode::kUnavailable, "too much at once; ask again"});
    return;
  }
  core.charge(connection, kRequestCost);
  const Answer answer = run_operation(core, connection, request);
  if (answer) answer_request(core, connection, request.request_id, *answer);
}

}  // namespace capstan
