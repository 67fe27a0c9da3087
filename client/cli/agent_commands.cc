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

Status tell_hub(HubClient& client, const Admission& admission) {
  ParamMap params;
  params.set("name", admission.name);
  params.set("key", ByteBuffer(admission.key.bytes.begin(), admission.key.bytes.end()));
  params.set("names", admission.names);
  if (!admission.durability.empty()) params.set("durability", admission.durability);
  auto answer = client.request("agent_add", params, kRequestTimeoutMs);
  return answer ? Status() : Status(answer.error());
}

/// The hub has looked at the request and made nothing of it.
bool is_refusal(ErrorCode code) {
  switch (code) {
    case ErrorCode::kAccessDenied:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnknownOperation:
      return true;
    default:
      return false;
  }
}

/// Whatever else went wrong, the hub may have made the agent of this key, which is nowhere else.
int report_untold(const Layout& layout, const AddedAgent& added, AdmissionFile file, Error error) {
  const auto path = layout.agent_key(added.admission.name);
  if (file == AdmissionFile::kWrite) {
    error.context += "; " + (layout.admissions() / added.admission.name).string() +
                     " is written all the same: a hub takes it up at SIGHUP, or when it starts";
  } else if (!is_refusal(error.code)) {
    error.context += "; its key stays in " + path.string() + ": repeat the command";
  } else if (added.key_is_new) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  return report(error);
}

/// What the hub tells operators alone, others read as "-".
std::string number_cell(const ParamMap& agent, const char* field) {
  const auto number = agent.number(field);
  return number ? std::to_string(*number) : "-";
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
               agent.text("durability").value_or(""), number_cell(agent, "pending"),
               number_cell(agent, "pending_bytes")});
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
    std::cout << json_text(rows);
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

void print_added(const CommonOptions& common, const AddedAgent& added, const std::string& key_path,
                 bool running) {
  if (common.json) {
    std::cout << json_line({{"name", added.admission.name},
                            {"key_file", key_path},
                            {"key_is_new", added.key_is_new},
                            {"public_key", added.admission.key.z85()}});
    return;
  }
  std::cout << "added agent " << added.admission.name << "; its key is " << key_path
            << (added.key_is_new ? "" : ", which was there already")
            << (running ? "; the running hub knows it\n" : "; the hub takes it up at its start\n");
}

}  // namespace

int run_agent_add(const CommonOptions& common, const AgentAddOptions& options) {
  const Layout layout{common.directory};
  std::error_code ignored;
  if (!std::filesystem::exists(layout.config_file(), ignored)) {
    return report({ErrorCode::kBadConfig, "no hub's folder in " + common.directory +
                                              "; make one with `capstan init " + common.directory +
                                              "`, or name it with --dir"});
  }
  bool running = !common.endpoint.empty() || hub_is_running(layout);
  // No key is made for a hub that cannot be told.
  auto hub = running ? connect_operator(common) : std::unique_ptr<HubClient>();
  if (!hub) return report(hub.error());
  const AdmissionFile file = running ? AdmissionFile::kLeaveToHub : AdmissionFile::kWrite;
  const auto added =
      add_agent(layout, options.name, split(options.globs), options.durability, file);
  if (!added) return report(added.error());
  // A hub that has begun to start meanwhile may have read agents/ before.
  if (!running && hub_is_running(layout)) {
    running = true;
    hub = connect_operator(common);
  }
  if (running) {
    const Status told = hub ? tell_hub(**hub, added->admission) : Status(hub.error());
    if (!told) return report_untold(layout, *added, file, told.error());
  }
  print_added(common, *added, layout.agent_key(options.name).string(), running);
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
