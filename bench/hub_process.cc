#include "hub_process.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "config/agent_files.h"
#include "config/init.h"

namespace capstan::bench {
namespace {

constexpr double kStopSeconds = 30.0;
constexpr std::size_t kLogBytesShown = 1000;

}  // namespace

Result<std::unique_ptr<HubProcess>> HubProcess::start(const RunSpec& spec,
                                                      const std::vector<KeyOfAgents>& crowd) {
  auto folder = RunFolder::make(spec.dir);
  if (!folder) return folder.error();
  std::unique_ptr<HubProcess> hub(new HubProcess(std::move(folder).value()));
  if (Status filled = hub->fill_folder(spec, crowd); !filled) return filled.error();
  if (Status launched = hub->launch(); !launched) return launched.error();
  return hub;
}

Status HubProcess::fill_folder(const RunSpec& spec, const std::vector<KeyOfAgents>& crowd) {
  auto endpoint = init_directory(dir(), "tcp://127.0.0.1:0");
  if (!endpoint) return endpoint.error();
  endpoint_ = std::move(endpoint).value();
  const Layout layout{dir()};
  const std::pair<const char*, std::string> ends[] = {{kSenderName, {}},
                                                      {kReceiverName, spec.durability}};
  for (const auto& [name, durability] : ends)
    if (auto added = add_agent(layout, name, {}, durability, AdmissionFile::kWrite); !added)
      return added.error();
  for (const KeyOfAgents& key : crowd)
    if (auto added = add_agent(layout, key.name, key.agents, {}, AdmissionFile::kWrite); !added)
      return added.error();
  auto hub_key = load_public_key_file(layout.hub_public_key());
  if (!hub_key) return hub_key.error();
  hub_public_key_ = spec.curve ? hub_key->z85() : std::string();
  std::ofstream config(config_path());
  config << "[listen]\nendpoint = \"" << endpoint_
         << "\"\n\n[security]\ncurve = " << (spec.curve ? "true" : "false") << "\n";
  config.close();
  if (!config) return {ErrorCode::kIo, "write " + config_path()};
  return {};
}

Status HubProcess::launch() {
  const std::string program = program_folder() + "/capstand";
  auto daemon = Child::start({program, "--dir", dir(), "--config", config_path()}, log_path());
  if (!daemon) return daemon.error();
  daemon_ = std::move(daemon).value();
  return {};
}

RunSpec HubProcess::addressed(RunSpec spec) const {
  spec.dir = dir();
  spec.endpoint = endpoint_;
  spec.hub_public_key = hub_public_key_;
  return spec;
}

void HubProcess::kill() { daemon_.reset(); }

Result<double> HubProcess::stop() {
  daemon_->terminate();
  auto cpu_seconds = daemon_->finish(kStopSeconds);
  if (!cpu_seconds) return with_log(cpu_seconds.error());
  return cpu_seconds;
}

Error HubProcess::with_log(const Error& error) const {
  std::ifstream file(log_path());
  const std::string log{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t shown = std::min(log.size(), kLogBytesShown);
  return {error.code, error.context + "\nthe hub's log ends:\n" + log.substr(log.size() - shown)};
}

}  // namespace capstan::bench
