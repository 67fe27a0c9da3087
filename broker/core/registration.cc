// An agent says who it is, says it anew, and takes it back. PROTOCOL.md §6.16.
#include "capstan/codec/limits.h"
#include "capstan/codec/profile.h"
#include "operation.h"

namespace capstan {

namespace {

/// What all agents of a hub may say about themselves: it is kept in memory.
constexpr std::uint64_t kProfileBytesMax = std::uint64_t{256} << 20;

/// What a search for one agent's sessions, among all of the hub, takes of the share of the turn.
constexpr std::uint64_t kSessionsSearchCost = 16 * 1024;

Error too_long(const std::string& what, std::size_t bytes_max) {
  return {ErrorCode::kInvalidArgument,
          "'" + what + "' is longer than " + std::to_string(bytes_max) + " octets"};
}

/// Empty when it is not given: a given value of the wrong type is an error all the same.
Result<ByteBuffer> document_in(const ParamMap& params, const std::string& key,
                               std::size_t bytes_max) {
  if (params.values().count(key) == 0) return ByteBuffer();
  auto document = params.bytes(key);
  if (!document) return {ErrorCode::kInvalidArgument, "'" + key + "' is a bin"};
  if (document->size() > bytes_max) return too_long(key, bytes_max);
  if (const Status valid = check_document(*document); !valid) return valid.error();
  return *std::move(document);
}

Result<std::string> skill_in(const ParamMap& params) {
  if (params.values().count("skill_md") == 0) return std::string();
  auto skill = params.text("skill_md");
  if (!skill) return {ErrorCode::kInvalidArgument, "'skill_md' is a text"};
  if (skill->size() > kSkillBytesMax) return too_long("skill_md", kSkillBytesMax);
  return *std::move(skill);
}

Result<AgentProfile> profile_in(const ParamMap& params) {
  const auto passport = document_in(params, "passport", kPassportBytesMax);
  if (!passport) return passport.error();
  // A secret that nobody needs is best not stored: the connection's key has proved who it is.
  auto kept = without_claim(*passport);
  if (!kept) return kept.error();
  auto resume = document_in(params, "resume", kResumeBytesMax);
  if (!resume) return resume.error();
  auto skill = skill_in(params);
  if (!skill) return skill.error();
  auto rule = document_in(params, "rule", kRuleBytesMax);
  if (!rule) return rule.error();
  return AgentProfile{*std::move(kept), *std::move(resume), *std::move(skill), *std::move(rule)};
}

/// Why the hub takes no change now.
std::optional<Error> obstacle(const Core& core, const AgentRecord& before,
                              const AgentProfile& after) {
  if (core.disk && core.disk->state == DiskState::kFull) {
    return Error{ErrorCode::kDiskFull, "the hub's disk is nearly full"};
  }
  const std::uint64_t others = core.state.profile_bytes() - before.profile.bytes();
  if (others + after.bytes() > kProfileBytesMax) {
    return Error{ErrorCode::kUnavailable,
                 "what the hub's agents say about themselves takes all of "
                 "its room (256 MiB)"};
  }
  if (core.builder.bytes_behind_snapshot() >= core.config.commit_budget_bytes) {
    return Error{ErrorCode::kUnavailable, "too much waits for the hub's disk; ask again"};
  }
  return std::nullopt;
}

ParamMap describe(const AgentRecord& agent) {
  return ParamMap()
      .set("agent_id", id_bytes(agent.id))
      .set("name", agent.name)
      .set("version", std::uint64_t{agent.version})
      .set("created_at_ns", agent.created_at_ns)
      .set("updated_at_ns", agent.updated_at_ns);
}

/// The agent as it is from now on, in a record of its own.
Answer change(Core& core, Connection& connection, AgentRecord changed) {
  ++changed.version;
  changed.updated_at_ns = core.now.wall_ns;
  core.charge(connection, changed.profile.bytes());
  add_record(core, changed);
  return describe(changed);
}

Result<AgentId> own_agent(Core& core, const Connection& connection, const std::string& operation,
                          const ParamMap& params) {
  const auto name = params.text("name");
  if (!name) return {ErrorCode::kInvalidArgument, operation + " needs the text 'name'"};
  const auto agent = authorize_agent(core, connection, *name);
  if (agent) return *agent;
  return deny_operation(core, connection, operation, agent.error().context);
}

/// Replaces a part of what a registered agent says about itself.
template <typename Replace>
Answer replace_part(Core& core, Connection& connection, const Request& request,
                    const ParamMap& params, Replace replace) {
  const auto agent = own_agent(core, connection, request.operation, params);
  if (!agent) return agent.error();
  const AgentRecord& before = *core.state.find_agent(*agent);
  if (before.registered_at_ns == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "agent '" + before.name + "' is not registered: register it first"};
  }
  AgentRecord after = before;
  if (const Status replaced = replace(after.profile); !replaced) return replaced.error();
  // It says so already: a record would cost as much as any, and tell nothing.
  if (after.profile == before.profile) return describe(before);
  if (const auto refused = obstacle(core, before, after.profile)) return *refused;
  return change(core, connection, std::move(after));
}

/// Moves a value that was read to where it belongs.
template <typename Value>
Status put(Result<Value> value, Value& to) {
  if (!value) return value.error();
  to = *std::move(value);
  return {};
}

}  // namespace

namespace operations {

Answer register_agent(Core& core, Connection& connection, const Request&, const ParamMap& params) {
  const auto name = params.text("name");
  if (!name) return Error{ErrorCode::kInvalidArgument, "register needs the text 'name'"};
  auto profile = profile_in(params);
  if (!profile) return profile.error();
  const AgentRecord* known = core.state.find_agent(*name);
  const AgentRecord nobody;
  if (const auto refused = obstacle(core, known == nullptr ? nobody : *known, *profile)) {
    // Who may not use the name learns nothing but that.
    if (may_use_name(connection, *name)) return *refused;
  }
  const auto agent = authorize_name(core, connection, *name);
  if (!agent && agent.error().code == ErrorCode::kAccessDenied) {
    return deny_operation(core, connection, "register", agent.error().context);
  }
  if (!agent) return agent.error();
  AgentRecord registered = *core.state.find_agent(*agent);
  registered.profile = *std::move(profile);
  if (registered.registered_at_ns == 0) registered.registered_at_ns = core.now.wall_ns;
  return change(core, connection, std::move(registered));
}

Answer unregister_agent(Core& core, Connection& connection, const Request& request,
                        const ParamMap& params) {
  const auto agent = own_agent(core, connection, request.operation, params);
  if (!agent) return agent.error();
  core.charge(connection, kSessionsSearchCost);
  end_sessions(core, *agent, "this agent was unregistered");
  AgentRecord left = *core.state.find_agent(*agent);
  // A second time there is nothing left to do, and the version says so.
  if (left.registered_at_ns == 0) {
    return ParamMap()
        .set("agent_id", id_bytes(left.id))
        .set("version", std::uint64_t{left.version});
  }
  left.registered_at_ns = 0;
  left.profile = {};
  return change(core, connection, std::move(left));
}

Answer set_resume(Core& core, Connection& connection, const Request& request,
                  const ParamMap& params) {
  return replace_part(core, connection, request, params, [&](AgentProfile& profile) {
    return put(document_in(params, "resume", kResumeBytesMax), profile.resume);
  });
}

Answer set_skill(Core& core, Connection& connection, const Request& request,
                 const ParamMap& params) {
  return replace_part(core, connection, request, params,
                      [&](AgentProfile& profile) { return put(skill_in(params), profile.skill); });
}

Answer set_rule(Core& core, Connection& connection, const Request& request,
                const ParamMap& params) {
  return replace_part(core, connection, request, params, [&](AgentProfile& profile) {
    return put(document_in(params, "rule", kRuleBytesMax), profile.rule);
  });
}

}  // namespace operations

}  // namespace capstan
