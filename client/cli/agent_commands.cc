#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "config/agent_files.h"
#include "config/run_folder.h"
#include "connect.h"
#include "exit_code.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

constexpr int kRequestTimeoutMs = 10'000;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Status tell_hub(const CommonOptions& common, const Admission& admission) {
  auto client = connect_operator(common);
  if (!client) return client.error();
  ParamMap params;
  params.set("name", admission.name);
  params.set("key", ByteBuffer(admission.key.bytes.begin(), admission.key.bytes.end()));
  params.set("names", admission.names);
  if (!admission.durability.empty()) params.set("durability", admission.durability);
  auto answer = (*client)->request("agent_add", params, kRequestTimeoutMs);
  return answer ? Status() : Status(answer.error());
}

void print_agents(const CommonOptions& common, const std::vector<ParamMap>& agents) {
  if (common.json) {
    auto rows = nlohmann::json::array();
    for (const ParamMap& agent : agents) rows.push_back(agent_json(agent));
    std::cout << json_text(rows);
    return;
  }
  Table table({"NAME", "PRESENCE", "REGISTERED", "DURABILITY", "PENDING", "PENDING BYTES"});
  for (const ParamMap& agent : agents) {
    table.add({agent.text("name").value_or(""), agent.text("presence").value_or(""),
               agent.flag("registered").value_or(false) ? "yes" : "no",
               agent.text("durability").value_or(""),
               std::to_string(agent.number("pending").value_or(0)),
               std::to_string(agent.number("pending_bytes").value_or(0))});
  }
  table.print(std::cout);
}

/// With the hub stopped, the folder says at least who is admitted.
int list_admissions(const CommonOptions& common) {
  const auto admissions = load_admissions(Layout{common.directory}.admissions());
  if (!admissions) return report(admissions.error());
  if (common.json) {
    auto rows = nlohmann::json::array();
    for (const Admission& admission : *admissions) {
      rows.push_back({{"name", admission.name}, {"names", admission.names}});
    }
    std::cout << rows.dump(2) << '\n';
    return kExitDone;
  }
  std::cout << "(the hub is not running: admitted keys only)\n";
  for (const Admission& admission : *admissions) {
    std::cout << admission.name;
    for (const std::string& name : admission.names) {
      if (name != admission.name) std::cout << ' ' << name;
    }
    std::cout << '\n';
  }
  return kExitDone;
}

}  // namespace

int run_agent_add(const CommonOptions& common, const AgentAddOptions& options) {
  const Layout layout{common.directory};
  if (!std::filesystem::exists(layout.config_file())) {
    return report({ErrorCode::kBadConfig, "no hub's folder in " + common.directory +
                                              "; make one with `capstan init " + common.directory +
                                              "`, or name it with --dir"});
  }
  const bool running = !common.endpoint.empty() || hub_is_running(layout);
  const auto admission = add_agent(layout, options.name, split(options.globs), options.durability,
                                   running ? AdmissionFile::kLeaveToHub : AdmissionFile::kWrite);
  if (!admission) return report(admission.error());
  if (running) {
    if (Status told = tell_hub(common, *admission); !told) {
      // Nobody has used this key yet: without it the command can simply be repeated.
      std::error_code ignored;
      std::filesystem::remove(layout.agent_key(options.name), ignored);
      return report(told.error());
    }
  }
  const std::string key_path = layout.agent_key(options.name).string();
  if (common.json) {
    std::cout << nlohmann::json{{"name", options.name},
                                {"key_file", key_path},
                                {"public_key", admission->key.z85()}}
                     .dump()
              << '\n';
  } else {
    std::cout << "added agent " << options.name << "; its key is " << key_path
              << (running ? "; the running hub knows it\n"
                          : "; the hub takes it up at its start\n");
  }
  return kExitDone;
}

int run_agent_list(const CommonOptions& common) {
  if (common.endpoint.empty() && !hub_is_running(Layout{common.directory})) {
    return list_admissions(common);
  }
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  std::vector<ParamMap> agents;
  ParamMap page;
  bool more = true;
  while (more) {
    if (common.json) page.set("passport", true);
    auto answer = (*client)->request("list_agents", page, kRequestTimeoutMs);
    if (!answer) return report(answer.error());
    const std::vector<ParamMap>* found = answer->maps("agents");
    if (found != nullptr) agents.insert(agents.end(), found->begin(), found->end());
    more = answer->flag("more").value_or(false);
    page.set("after", answer->text("after").value_or(""));
  }
  print_agents(common, agents);
  return kExitDone;
}

}  // namespace capstan::cli
