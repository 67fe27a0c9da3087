// Keys and the agents that they name: added by an operator, or found under agents/. PROTOCOL.md §7.
#include <algorithm>
#include <map>

#include "capstan/codec/params.h"
#include "capstan/security/admission.h"
#include "operation.h"

namespace capstan {

namespace {

/// That of a mailbox is for ever. Errors: kInvalidArgument: `wanted` is not that of `known`.
Status check_durability(Durability wanted, const AgentRecord* known) {
  if (known == nullptr || known->durability == wanted) return {};
  return {ErrorCode::kInvalidArgument, "the mailbox of '" + known->name + "' is " +
                                           std::string(durability_text(known->durability)) +
                                           ", and stays so"};
}

/// A key that is no longer admitted leaves at once, and not when its connection happens to end.
void evict_withdrawn(Core& core, const std::vector<AdmittedKey>& keys) {
  std::map<AgentKey, const AdmittedKey*> by_key;
  for (const AdmittedKey& key : keys) by_key.emplace(key.key, &key);
  std::vector<ConnectionId> withdrawn;
  for (const auto& [id, connection] : core.connections) {
    if (connection->any_key) continue;
    const auto admitted = by_key.find(connection->identity.key);
    if (admitted == by_key.end()) {
      withdrawn.push_back(id);
    } else {
      connection->identity = *admitted->second;  // It may have other names now.
    }
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

namespace operations {

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
  for (const std::string& wanted : *names) {
    if (core.removals.count(wanted) == 0) continue;
    return Error{ErrorCode::kUnavailable, "agent '" + wanted + "' is being removed right now"};
  }
  if (core.waiting_admissions.count(*name) != 0) {
    return Error{ErrorCode::kUnavailable, "agent '" + *name + "' is being added right now"};
  }
  AdmittedKey admitted;
  admitted.name = *name;
  std::copy(key->begin(), key->end(), admitted.key.begin());
  admitted.names = *names;
  const auto durability = params.text("durability");
  if (durability) admitted.durability = durability_of_text(*durability);
  if (durability && !admitted.durability) {
    return Error{ErrorCode::kInvalidArgument, "'durability' is 'synced', 'written' or 'memory'"};
  }
  // A glob names agents that register later; of the literal names all are created, or none.
  std::vector<std::string> literal;
  for (const std::string& glob : *names) {
    if (!check_agent_name(glob)) continue;
    const AgentRecord* known = core.state.find_agent(glob);
    if (known != nullptr && known->key != admitted.key) {
      return Error{ErrorCode::kAlreadyExists, "agent '" + glob + "' belongs to another key"};
    }
    if (admitted.durability) {
      const Status fits = check_durability(*admitted.durability, known);
      if (!fits) return fits.error();
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

}  // namespace operations

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
