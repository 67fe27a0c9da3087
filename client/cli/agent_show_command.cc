#include <iostream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "operator_request.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

void print_document(const nlohmann::json& agent, const char* part) {
  const auto document = agent.find(part);
  if (document == agent.end() || document->is_null()) return;
  std::cout << '\n' << part << '\n' << printable_lines(json_text(*document));
}

void print_agent(const ParamMap& agent) {
  std::cout << agent.text("name").value_or("") << '\n';
  print_field(std::cout, "agent_id", to_hex(agent.bytes("agent_id").value_or(ByteBuffer())));
  print_field(std::cout, "role", agent.text("role").value_or(""));
  print_field(std::cout, "durability", agent.text("durability").value_or(""));
  print_field(std::cout, "presence",
              agent.text("presence").value_or("") + " since " +
                  utc_time(agent.number("presence_since_ns").value_or(0)));
  print_field(std::cout, "registered", agent.flag("registered").value_or(false) ? "yes" : "no");
  print_field(std::cout, "version", std::to_string(agent.number("version").value_or(0)));
  print_field(std::cout, "created", utc_time(agent.number("created_at_ns").value_or(0)));
  print_field(std::cout, "updated", utc_time(agent.number("updated_at_ns").value_or(0)));
  const nlohmann::json json = agent_json(agent);
  for (const char* part : {"passport", "resume", "rule"}) print_document(json, part);
  const std::string skill = agent.text("skill_md").value_or("");
  if (!skill.empty()) std::cout << "\nskill_md\n" << printable_lines(skill);
}

}  // namespace

int run_agent_show(const CommonOptions& common, const AgentShowOptions& options) {
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  const ParamMap params = ParamMap().set("name", options.name).set("profile", true);
  const auto agent = ask(**client, "get_agent", params);
  if (!agent) return report(agent.error());
  if (common.json) {
    std::cout << json_text(agent_json(*agent));
  } else {
    print_agent(*agent);
  }
  return kExitDone;
}

}  // namespace capstan::cli
