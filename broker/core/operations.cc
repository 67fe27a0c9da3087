#include "operations.h"

#include <algorithm>
#include <array>

#include "capstan/codec/params.h"
#include "capstan/security/admission.h"
#include "stages.h"

namespace capstan {

namespace {

constexpr std::size_t kAgentsPerPage = 1000;

ByteBuffer id_bytes(AgentId id) { return {id.bytes.begin(), id.bytes.end()}; }

/// Answers now, or not at all when it has arranged for a later answer (empty optional).
using Answer = std::optional<Result<ParamMap>>;
using Operation = Answer (*)(Core&, Connection&, const Request&, const ParamMap&);

Answer get_agent(Core& core, Connection&, const Request&, const ParamMap& params) {
  const auto name = params.text("name");
  if (!name) return Error{ErrorCode::kInvalidArgument, "get_agent needs the text 'name'"};
  const AgentRecord* agent = core.state.find_agent(*name);
  if (agent == nullptr) return Error{ErrorCode::kNotFound, "no agent is named '" + *name + "'"};
  return ParamMap().set("agent_id", id_bytes(agent->id)).set("name", agent->name);
}

/// One page of agents in the order of their names, from behind `after` on.
Answer list_agents(Core& core, Connection&, const Request&, const ParamMap& params) {
  const std::string after = params.text("after").value_or("");
  std::vector<ParamMap> agents;
  const auto& by_name = core.state.agents_by_name();
  auto next = by_name.upper_bound(after);
  for (; next != by_name.end() && agents.size() < kAgentsPerPage; ++next) {
    const AgentId id = next->second;
    const AgentRecord& agent = *core.state.find_agent(id);
    const Inbox& inbox = core.inbox_of(id);
    agents.push_back(
        ParamMap()
            .set("name", agent.name)
            .set("agent_id", id_bytes(id))
            .set("role", std::string(agent.role == AgentRole::kAdmin ? "admin" : "agent"))
            .set("receiving", inbox.receiver != nullptr)
            .set("pending", inbox.mailbox->pending())
            .set("pending_bytes", inbox.mailbox->pending_bytes));
  }
  return ParamMap().set("agents", std::move(agents)).set("more", next != by_name.end());
}

Answer status(Core& core, Connection&, const Request&, const ParamMap&) {
  std::uint64_t pending = 0;
  for (const auto& [channel, mailbox] : core.state.mailboxes()) pending += mailbox.pending();
  std::uint64_t sessions = 0;
  for (const auto& [id, connection] : core.connections) sessions += connection->sessions.size();
  const Counters& counters = core.counters;
  const DiskSpace disk = core.disk.value_or(DiskSpace{});
  return ParamMap()
      .set("ready", !core.stopping)
      .set("version", core.start.version)
      .set("boot_id", core.start.boot.hex())
      .set("agents", std::uint64_t{core.state.agents().size()})
      .set("connections", std::uint64_t{core.connections.size()})
      .set("sessions", sessions)
      .set("pending", pending)
      .set("accepted", counters.accepted)
      .set("delivered", counters.delivered)
      .set("redelivered", counters.redelivered)
      .set("acknowledged", counters.acknowledged)
      .set("expired", counters.expired)
      .set("nacked", counters.nacked)
      .set("dead", counters.dead)
      .set("deduplicated", counters.deduplicated)
      .set("refused_sends", counters.refused_sends)
      .set("refused_frames", counters.refused_frames)
      .set("refused_identity", counters.refused_identity + core.gauges.refused_identity)
      .set("refused_handshakes", core.gauges.refused_handshakes)
      .set("commits", counters.commits)
      .set("last_sequence", core.committed.value)
      .set("segments", std::uint64_t{core.state.segments().size()})
      .set("gaps", std::uint64_t{core.state.gaps().size()})
      .set("journal_bytes", core.gauges.journal_bytes)
      .set("disk_free_bytes", disk.free_bytes)
      .set("disk_state", std::string(disk_state_text(disk.state)));
}

Answer agent_add(Core& core, Connection& connection, const Request& request,
                 const ParamMap& params) {
  const auto name = params.text("name");
  const auto key = params.bytes("key");
  const auto* names = params.texts("names");
  if (!name || !key || key->size() != 32 || names == nullptr || names->empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "agent_add needs the text 'name', the 32 bytes 'key' and the list 'names'"};
  }
  if (const Status valid = check_agent_name(*name); !valid) return valid.error();
  if (core.waiting_admissions.count(*name) != 0) {
    return Error{ErrorCode::kAlreadyExists, "agent '" + *name + "' is being added right now"};
  }
  AdmittedKey admitted;
  admitted.name = *name;
  std::copy(key->begin(), key->end(), admitted.key.begin());
  admitted.names = *names;
  // A glob names agents that register later; of the literal names all are created, or none.
  std::vector<std::string> literal;
  for (const std::string& glob : *names) {
    if (!check_agent_name(glob)) continue;
    const AgentRecord* known = core.state.find_agent(glob);
    if (known != nullptr && known->key != admitted.key) {
      return Error{ErrorCode::kAlreadyExists, "agent '" + glob + "' belongs to another key"};
    }
    literal.push_back(glob);
  }
  ParamMap result;
  for (const std::string& agent : literal) {
    const auto id = create_agent(core, agent, admitted);
    if (!id) return id.error();
    if (agent == *name) result.set("agent_id", id_bytes(*id));
  }
  core.waiting_admissions[*name] = {
      connection.id, Response{request.request_id, ErrorCode::kOk, {}, encode_params(result)}};
  // The door opens after the identity is on disk.
  if (core.uncommitted()) {
    core.consequences().admissions.push_back({std::move(admitted)});
  } else {
    core.effects->push_back(AdmitKey{std::move(admitted)});
  }
  return std::nullopt;
}

struct OperationEntry {
  std::string_view name;
  AgentRole role;  ///< kAdmin: for operators only.
  Operation run;
};

constexpr std::array<OperationEntry, 4> kOperations{{
    {"agent_add", AgentRole::kAdmin, agent_add},
    {"get_agent", AgentRole::kAgent, get_agent},
    {"list_agents", AgentRole::kAdmin, list_agents},
    {"status", AgentRole::kAdmin, status},
}};

Answer run_operation(Core& core, Connection& connection, const Request& request) {
  const auto entry = std::find_if(
      kOperations.begin(), kOperations.end(),
      [&](const OperationEntry& candidate) { return candidate.name == request.operation; });
  if (entry == kOperations.end()) {
    return Error{ErrorCode::kUnknownOperation, "no operation '" + request.operation + "'"};
  }
  const bool admin = connection.any_key || connection.identity.role == AgentRole::kAdmin;
  if (entry->role == AgentRole::kAdmin && !admin) {
    ++core.counters.refused_identity;
    core.audit("access_denied",
               "key=" + connection.identity.name + " operation=" + request.operation);
    return Error{ErrorCode::kAccessDenied,
                 "operation '" + request.operation + "' is for operators (keys/operator.key)"};
  }
  const auto params = decode_params(request.params);
  if (!params) return params.error();
  return entry->run(core, connection, request, *params);
}

}  // namespace

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  names.reserve(kOperations.size());
  for (const OperationEntry& entry : kOperations) names.emplace_back(entry.name);
  return names;
}

void handle_request(Core& core, Connection& connection, const Request& request) {
  const Answer answer = run_operation(core, connection, request);
  if (!answer) return;
  Response response;
  response.request_id = request.request_id;
  if (*answer) {
    response.result = encode_params(**answer);
  } else {
    response.code = answer->error().code;
    response.message = answer->error().context;
  }
  core.reply(connection, response);
}

Result<AgentId> create_agent(Core& core, const std::string& name, const AdmittedKey& owner) {
  if (const AgentRecord* known = core.state.find_agent(name)) {
    const bool ownerless = known->key == decltype(known->key){};
    if (known->key == owner.key || ownerless || owner.key == decltype(owner.key){}) {
      return known->id;
    }
    return {ErrorCode::kAccessDenied, "this key may not use the name '" + name + "'"};
  }
  if (const Status valid = check_agent_name(name); !valid) return valid.error();
  AgentRecord agent;
  const std::uint64_t high = __builtin_bswap64(core.now.wall_ns);
  const std::uint64_t low = core.random.next();
  std::memcpy(agent.id.bytes.data(), &high, sizeof high);
  std::memcpy(agent.id.bytes.data() + sizeof high, &low, sizeof low);
  agent.name = name;
  agent.key = owner.key;
  agent.role = owner.role;
  agent.created_at_ns = core.now.wall_ns;
  add_record(core, agent);
  return agent.id;
}

namespace {

/// A key that is no longer admitted leaves at once, and not when its connection happens to end.
void evict_withdrawn(Core& core, const std::vector<AdmittedKey>& keys) {
  std::vector<ConnectionId> withdrawn;
  for (const auto& [id, connection] : core.connections) {
    const auto& key = connection->identity.key;
    const bool admitted = std::any_of(keys.begin(), keys.end(),
                                      [&](const AdmittedKey& known) { return known.key == key; });
    if (!connection->any_key && !admitted) withdrawn.push_back(id);
  }
  std::sort(withdrawn.begin(), withdrawn.end());
  for (const ConnectionId& id : withdrawn) {
    Connection& connection = *core.find_connection(id);
    core.output(connection).write(Bye{ErrorCode::kAccessDenied, "this key is no longer admitted"});
    close_peer(core, id);
    core.effects->push_back(Evict{id});
  }
}

}  // namespace

void take_keys(Core& core, const std::vector<AdmittedKey>& keys) {
  evict_withdrawn(core, keys);
  for (const AdmittedKey& key : keys) {
    for (const std::string& name : key.names) {
      if (!check_agent_name(name)) continue;
      if (const auto created = create_agent(core, name, key); !created) {
        core.audit("name_conflict",
                   "key=" + key.name + " name=" + name + " error=" + created.error().text());
      }
    }
  }
}

void take_admission(Core& core, const KeyAdmitted& admitted) {
  const auto at = core.waiting_admissions.find(admitted.name);
  if (at == core.waiting_admissions.end()) return;
  auto [connection_id, response] = std::move(at->second);
  core.waiting_admissions.erase(at);
  if (admitted.error) {
    response.code = admitted.error->code;
    response.message = admitted.error->context;
    response.result.clear();
  }
  Connection* connection = core.find_connection(connection_id);
  if (connection != nullptr) core.reply(*connection, response);
}

}  // namespace capstan
