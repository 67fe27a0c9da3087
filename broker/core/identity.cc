// Which key may use which name, and who an agent is. PROTOCOL.md §6.1.
#include <algorithm>

#include "capstan/security/admission.h"
#include "stages.h"

namespace capstan {

namespace {

/// One answer for an unknown name, a removed agent and somebody else's: it tells nothing apart.
Error denied(const std::string& name) {
  return {ErrorCode::kAccessDenied, "this key may not use the name '" + printable(name) + "'"};
}

/// The clock first, so that ids grow; then chance, so that nobody chooses an agent's hash bucket.
AgentId make_agent_id(Core& core) {
  AgentId id;
  const std::uint64_t high = __builtin_bswap64(core.now.wall_ns);
  const std::uint64_t low = core.random.next();
  std::memcpy(id.bytes.data(), &high, sizeof high);
  std::memcpy(id.bytes.data() + sizeof high, &low, sizeof low);
  return id;
}

/// No agent changes hands: an owner without a key and an agent without one fit everybody.
bool is_owner(const AdmittedKey& owner, const AgentRecord& agent) {
  const decltype(agent.key) nobody{};
  return agent.key == owner.key || agent.key == nobody || owner.key == nobody;
}

}  // namespace

bool may_use_name(const Connection& connection, const std::string& name) {
  const auto& globs = connection.identity.names;
  return connection.any_key ||
         std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return name_matches(glob, name); });
}

Result<AgentId> authorize_name(Core& core, const Connection& connection, const std::string& name) {
  if (!may_use_name(connection, name)) return denied(name);
  const bool is_new = core.state.find_agent(name) == nullptr;
  if (is_new && connection.any_key) return denied(name);
  if (is_new && core.state.agents_of(connection.identity.key) >= core.config.agents_per_key_max) {
    return {ErrorCode::kUnavailable,
            "the key '" + connection.identity.name + "' has as many agents as it may make (" +
                std::to_string(core.config.agents_per_key_max) +
                "): an operator removes some, or raises [security] agents_per_key_max"};
  }
  return create_agent(core, name, connection.identity);
}

Result<AgentId> authorize_agent(const Core& core, const Connection& connection,
                                const std::string& name) {
  const AgentRecord* agent = core.state.find_agent(name);
  if (agent == nullptr || !may_use_name(connection, name)) return denied(name);
  if (!is_owner(connection.identity, *agent)) return denied(name);
  return agent->id;
}

Result<AgentId> create_agent(Core& core, const std::string& name, const AdmittedKey& owner) {
  if (const AgentRecord* known = core.state.find_agent(name)) {
    if (!is_owner(owner, *known)) return denied(name);
    return known->id;
  }
  if (const Status valid = check_agent_name(name); !valid) return valid.error();
  AgentRecord agent;
  agent.id = make_agent_id(core);
  agent.name = name;
  agent.key = owner.key;
  agent.role = owner.role;
  agent.durability = owner.durability.value_or(core.config.durability);
  agent.created_at_ns = core.now.wall_ns;
  agent.updated_at_ns = agent.created_at_ns;
  add_record(core, agent);
  note_presence(core, agent.id);
  return agent.id;
}

}  // namespace capstan
