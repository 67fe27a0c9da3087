#include "capstan/client/agent_info.h"

#include "capstan/client/hub_client.h"

namespace capstan {

Result<AgentInfo> agent_info_in(const ParamMap& described) {
  const auto id = described.bytes("agent_id");
  const auto name = described.text("name");
  if (!id || id->size() != 16 || !name) {
    return {ErrorCode::kMalformedFrame, "the hub described an agent without its id or name"};
  }
  AgentInfo info;
  info.id = AgentId{AgentId::from_bytes(id->data())};
  info.name = *name;
  info.registered = described.flag("registered").value_or(false);
  info.version = described.number("version").value_or(0);
  if (described.text("presence") == "online") info.presence = PresenceState::kOnline;
  info.presence_since_ns = described.number("presence_since_ns").value_or(0);
  if (const auto text = described.text("durability")) {
    info.durability = durability_of_text(*text).value_or(Durability::kSynced);
  }
  info.profile.passport = described.bytes("passport").value_or(ByteBuffer());
  info.profile.resume = described.bytes("resume").value_or(ByteBuffer());
  info.profile.skill = described.text("skill_md").value_or("");
  info.profile.rule = described.bytes("rule").value_or(ByteBuffer());
  return info;
}

Result<std::uint64_t> HubClient::register_agent(const std::string& name,
                                                const AgentProfile& profile, int timeout_ms) {
  const ParamMap params = ParamMap()
                              .set("name", name)
                              .set("passport", profile.passport)
                              .set("resume", profile.resume)
                              .set("skill_md", profile.skill)
                              .set("rule", profile.rule);
  const auto answer = request("register", params, timeout_ms, Repeat::kYes);
  if (!answer) return answer.error();
  return answer->number("version").value_or(0);
}

Status HubClient::unregister_agent(const std::string& name, int timeout_ms) {
  const auto answer = request("unregister", ParamMap().set("name", name), timeout_ms, Repeat::kYes);
  return answer ? Status() : Status(answer.error());
}

Result<AgentInfo> HubClient::get_agent(const std::string& name, int timeout_ms) {
  const auto answer = request("get_agent", ParamMap().set("name", name).set("profile", true),
                              timeout_ms, Repeat::kYes);
  if (!answer) return answer.error();
  return agent_info_in(*answer);
}

Result<std::vector<AgentInfo>> HubClient::list_agents(const AgentFilter& filter, int timeout_ms) {
  ParamMap params;
  if (!filter.name.empty()) params.set("name", filter.name);
  if (!filter.capability.empty()) params.set("capability", filter.capability);
  if (filter.registered) params.set("registered", *filter.registered);
  std::vector<AgentInfo> agents;
  for (bool more = true; more;) {
    const auto page = request("list_agents", params, timeout_ms, Repeat::kYes);
    if (!page) return page.error();
    const std::vector<ParamMap>* described = page->maps("agents");
    for (std::size_t i = 0; described != nullptr && i < described->size(); ++i) {
      auto info = agent_info_in((*described)[i]);
      if (!info) return info.error();
      agents.push_back(*std::move(info));
    }
    more = page->flag("more").value_or(false);
    params.set("after", page->text("after").value_or(""));
  }
  return agents;
}

}  // namespace capstan
