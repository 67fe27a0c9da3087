// Who is on this hub: one agent by name or id, and all of them in pages. PROTOCOL.md §6.16, §7.
#include "capstan/codec/profile.h"
#include "capstan/security/admission.h"
#include "operation.h"

namespace capstan {

namespace {

/// Agents that one page looks at, whether they are wanted or not.
constexpr std::size_t kAgentsPerPage = 1000;
/// Octets of résumés that one page looks into, of the glob for each name that it is compared with,
/// and of passports that the page tells: a search delays nobody else, and its answer fits a body
/// part.
constexpr std::size_t kProfileBytesPerPage = 1024 * 1024;

/// What an agent that a page looks at takes of the share of the turn, wanted or not, beside these.
constexpr std::uint64_t kLookCost = 64;

/// What `list_agents` leaves out.
struct Wanted {
  std::string name;  ///< A glob; empty: all.
  std::string capability;
  std::optional<bool> registered;
  [[nodiscard]] bool includes(const AgentRecord& agent) const {
    if (!name.empty() && !name_matches(name, agent.name)) return false;
    if (registered && *registered != (agent.registered_at_ns != 0)) return false;
    return capability.empty() || claims_capability(agent.profile.resume, capability);
  }
};

std::string presence_text(PresenceState state) {
  return state == PresenceState::kOnline ? "online" : "offline";
}

ParamMap describe(const Core& core, const AgentRecord& agent) {
  const AgentPresence presence = presence_of(core, agent);
  return ParamMap()
      .set("name", agent.name)
      .set("agent_id", id_bytes(agent.id))
      .set("role", std::string(agent.role == AgentRole::kAdmin ? "admin" : "agent"))
      .set("registered", agent.registered_at_ns != 0)
      .set("durability", std::string(durability_text(agent.durability)))
      .set("version", std::uint64_t{agent.version})
      .set("presence", presence_text(presence.state))
      .set("presence_since_ns", presence.since_ns);
}

void add_profile(ParamMap& described, const Core& core, const Connection& connection,
                 const AgentRecord& agent) {
  described.set("created_at_ns", agent.created_at_ns)
      .set("updated_at_ns", agent.updated_at_ns)
      .set("passport", agent.profile.passport)
      .set("resume", agent.profile.resume)
      .set("skill_md", agent.profile.skill);
  // Whom an agent listens to is between it and the hub.
  if (is_admin(connection) || authorize_agent(core, connection, agent.name).ok()) {
    described.set("rule", agent.profile.rule);
  }
}

void add_mail(ParamMap& described, Core& core, AgentId agent) {
  const Inbox& inbox = core.inbox_of(agent);
  described.set("receiving", inbox.receiver != nullptr)
      .set("pending", inbox.mailbox->pending())
      .set("pending_bytes", inbox.mailbox->pending_bytes);
}

/// By `name`, or by `agent_id`.
Result<const AgentRecord*> asked_for(const Core& core, const ParamMap& params) {
  const auto name = params.text("name");
  const auto id = params.bytes("agent_id");
  if (!name && (!id || id->size() != 16)) {
    return {ErrorCode::kInvalidArgument, "get_agent needs the text 'name' or the id 'agent_id'"};
  }
  const AgentRecord* agent =
      name ? core.state.find_agent(*name) : core.state.find_agent(AgentId::from_bytes(id->data()));
  if (agent != nullptr) return agent;
  return {ErrorCode::kNotFound, name ? "no agent is named '" + printable(*name) + "'"
                                     : "no agent has the id " + to_hex(*id)};
}

}  // namespace

namespace operations {

Answer get_agent(Core& core, Connection& connection, const Request&, const ParamMap& params) {
  const auto agent = asked_for(core, params);
  if (!agent) return agent.error();
  ParamMap described = describe(core, **agent);
  if (params.flag("profile").value_or(false)) {
    add_profile(described, core, connection, **agent);
  }
  return described;
}

Answer list_agents(Core& core, Connection& connection, const Request&, const ParamMap& params) {
  const Wanted wanted{params.text("name").value_or(""), params.text("capability").value_or(""),
                      params.flag("registered")};
  std::string after = params.text("after").value_or("");
  std::vector<ParamMap> agents;
  const auto& by_name = core.state.agents_by_name();
  auto next = by_name.upper_bound(after);
  const bool tells_passports = params.flag("passport").value_or(false);
  std::size_t profile_bytes = 0;
  std::size_t seen = 0;
  for (; next != by_name.end() && seen < kAgentsPerPage && profile_bytes < kProfileBytesPerPage;
       ++next, ++seen) {
    const AgentRecord& agent = *core.state.find_agent(next->second);
    after = agent.name;
    profile_bytes += wanted.name.size();
    if (!wanted.capability.empty()) profile_bytes += agent.profile.resume.size();
    if (!wanted.includes(agent)) continue;
    agents.push_back(describe(core, agent));
    if (tells_passports) {
      profile_bytes += agent.profile.passport.size();
      agents.back().set("passport", agent.profile.passport);
    }
    if (is_admin(connection)) add_mail(agents.back(), core, agent.id);
  }
  core.charge(connection, profile_bytes + kLookCost * seen);
  return ParamMap()
      .set("agents", std::move(agents))
      .set("after", std::move(after))
      .set("more", next != by_name.end());
}

}  // namespace operations

}  // namespace capstan
