#include <iostream>

#include "capstan/core/state.h"
#include "capstan/security/file.h"
#include "capstan/security/withdrawal.h"
#include "commands.h"
#include "config/run_folder.h"
#include "connect.h"
#include "exit_code.h"
#include "operator_request.h"
#include "params_json.h"

namespace capstan::cli {

namespace {

struct Removed {
  Withdrawal keys;
  std::optional<std::uint64_t> waiting;  ///< Envelopes; empty: a hub that is stopped does not say.
};

std::vector<std::string> texts(const ParamMap& params, std::string_view key) {
  const std::vector<std::string>* found = params.texts(key);
  return found == nullptr ? std::vector<std::string>() : *found;
}

Result<Removed> remove_at_hub(const CommonOptions& common, const std::string& name) {
  auto client = connect_operator(common);
  if (!client) return client.error();
  const auto answer = ask(**client, "agent_remove", ParamMap().set("name", name));
  if (!answer) return answer.error();
  return Removed{
      {{}, texts(*answer, "withdrawn"), texts(*answer, "narrowed"), texts(*answer, "covering")},
      answer->number("waiting").value_or(0)};
}

/// The next start finds the note, and removes the agent before it takes up any key.
Result<Removed> remove_in_folder(const Layout& layout, const std::string& name) {
  auto keys = withdraw_name(layout.admissions(), name, EarlierNote::kKeep);
  if (!keys) return keys.error();
  if (keys->withdrawn.empty() && keys->narrowed.empty()) {
    return {ErrorCode::kNotFound, "no file in " + layout.admissions().string() + " names '" + name +
                                      "'; if the journal knows it, start the hub and repeat"};
  }
  return Removed{*std::move(keys), std::nullopt};
}

/// A hub that has begun to start meanwhile may have read agents/ before: it is told. One that has
/// read it since may not know the agent any more.
Result<Removed> tell_started_hub(const CommonOptions& common, const std::string& name,
                                 Removed removed) {
  auto told = remove_at_hub(common, name);
  if (told) removed.waiting = told->waiting;
  if (!told && told.error().code != ErrorCode::kNotFound) return told.error();
  return removed;
}

/// They open nothing any more, and the next `agent add` must make another key.
void remove_key_files(const Layout& layout, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!check_agent_name(name)) continue;
    const Status removed = remove_file(layout.agent_key(name));
    if (removed || removed.error().code == ErrorCode::kNotFound) continue;
    warn(removed.error().text());
  }
}

std::string waiting_text(std::uint64_t count) {
  if (count <= kDeadLettersPerAgentMax) return std::to_string(count) + " envelopes";
  return "the newest " + std::to_string(kDeadLettersPerAgentMax) + " of " + std::to_string(count) +
         " envelopes";
}

void print(const CommonOptions& common, const std::string& name, const Removed& removed) {
  if (common.json) {
    nlohmann::json line{{"name", name},
                        {"withdrawn", removed.keys.withdrawn},
                        {"narrowed", removed.keys.narrowed},
                        {"covering", removed.keys.covering}};
    if (removed.waiting) line["waiting"] = *removed.waiting;
    std::cout << json_line(line);
    return;
  }
  std::cout << "removed agent " << name;
  if (removed.waiting) {
    std::cout << "; " << waiting_text(*removed.waiting) << " go to the dead letters\n";
  } else {
    std::cout << "; the hub takes it up at its start\n";
  }
  for (const std::string& key : removed.keys.narrowed) {
    std::cout << "the key " << key << " keeps its other names\n";
  }
}

}  // namespace

int run_agent_remove(const CommonOptions& common, const AgentRemoveOptions& options) {
  const Layout layout{common.directory};
  const bool running = !common.endpoint.empty() || hub_is_running(layout);
  auto removed =
      running ? remove_at_hub(common, options.name) : remove_in_folder(layout, options.name);
  if (!removed) return report(removed.error());
  remove_key_files(layout, removed->keys.withdrawn);
  if (!running && hub_is_running(layout)) {
    removed = tell_started_hub(common, options.name, *std::move(removed));
    if (!removed) return report(removed.error());
  }
  print(common, options.name, *removed);
  for (const std::string& key : removed->keys.covering) {
    warn("a glob in agents/" + key + " still covers '" + options.name +
         "': whoever has that key can make an agent of this name again");
  }
  return kExitDone;
}

}  // namespace capstan::cli
