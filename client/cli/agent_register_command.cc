#include <iostream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "input.h"
#include "params_json.h"

namespace capstan::cli {

namespace {

constexpr int kRequestTimeoutMs = 10'000;

Result<std::string> read_text(const std::string& path) {
  return path.empty() ? std::string() : read_file(path);
}

/// A file with one JSON object, as the hub takes it.
Result<ByteBuffer> read_document(const std::string& path) {
  if (path.empty()) return ByteBuffer();
  const auto text = read_text(path);
  if (!text) return text.error();
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return {ErrorCode::kInvalidArgument, path + " is no JSON object"};
  return nlohmann::json::to_msgpack(json);
}

Result<AgentProfile> read_profile(const AgentRegisterOptions& options) {
  auto passport = read_document(options.passport);
  if (!passport) return passport.error();
  auto resume = read_document(options.resume);
  if (!resume) return resume.error();
  auto skill = read_text(options.skill);
  if (!skill) return skill.error();
  auto rule = read_document(options.rule);
  if (!rule) return rule.error();
  return AgentProfile{*std::move(passport), *std::move(resume), *std::move(skill),
                      *std::move(rule)};
}

}  // namespace

int run_agent_register(const CommonOptions& common, const AgentRegisterOptions& options) {
  const auto profile = read_profile(options);
  if (!profile) return report(profile.error());
  auto client = connect(common, options.name);
  if (!client) return report(client.error());
  const auto version = (*client)->register_agent(options.name, *profile, kRequestTimeoutMs);
  if (!version) return report(version.error());
  if (common.json) {
    std::cout << json_line({{"name", options.name}, {"version", *version}});
  } else {
    std::cout << "registered " << options.name << ", version " << *version << '\n';
  }
  return kExitDone;
}

int run_agent_unregister(const CommonOptions& common, const AgentShowOptions& options) {
  auto client = connect(common, options.name);
  if (!client) return report(client.error());
  if (const Status done = (*client)->unregister_agent(options.name, kRequestTimeoutMs); !done) {
    return report(done.error());
  }
  if (common.json) {
    std::cout << json_line({{"name", options.name}});
  } else {
    std::cout << "unregistered " << options.name << "; its mail waits for it\n";
  }
  return kExitDone;
}

}  // namespace capstan::cli
