#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"

namespace capstan::cli {

namespace {

/// The hub's first refusal; numbers are those of the lines.
class FirstRefusal {
 public:
  void note(std::uint64_t number, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!refusal_ || number < refusal_->first) refusal_ = {number, error};
  }
  [[nodiscard]] std::optional<std::pair<std::uint64_t, Error>> get() const {
    const std::lock_guard lock(mutex_);
    return refusal_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::pair<std::uint64_t, Error>> refusal_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

std::string read_all(std::istream& in) {
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

Priority priority_of(const std::string& name) {
  if (name == "background") return Priority::kBackground;
  return name == "urgent" ? Priority::kUrgent : Priority::kNormal;
}

/// Posts what the options name; stops early at an error, which drain() will report again.
void post(AgentClient& agent, const SendOptions& options, std::istream& in) {
  Envelope envelope;
  envelope.ttl_seconds = options.ttl_seconds;
  envelope.priority = priority_of(options.priority);
  const std::string& key = options.idempotency_key;
  if (!options.lines) {
    const std::string text = options.words.empty() ? read_all(in) : joined(options.words);
    if (!key.empty()) envelope.idempotency_key = key;
    envelope.event_data = encode_text_event(text);
    (void)agent.send(options.to, envelope);
    return;
  }
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (!key.empty()) envelope.idempotency_key = key + ':' + std::to_string(number);
    envelope.event_data = encode_text_event(line);
    if (!agent.send(options.to, envelope)) return;
  }
}

int print_accepted(const CommonOptions& common, std::uint64_t accepted) {
  if (common.json) {
    std::cout << nlohmann::json{{"accepted", accepted}}.dump() << std::endl;
  } else {
    std::cout << "accepted " << accepted << std::endl;
  }
  return kExitDone;
}

int report_refusal(const SendOptions& options, std::uint64_t number, const Error& error) {
  std::cerr << "capstan: " << (options.lines ? "line " + std::to_string(number) + ": " : "")
            << error.text() << '\n';
  return kExitRefused;
}

}  // namespace

int run_send(const CommonOptions& common, const SendOptions& options) {
  std::ifstream file;
  if (!options.file.empty()) {
    file.open(options.file, std::ios::binary);
    if (!file) return report({ErrorCode::kNotFound, "cannot open " + options.file});
  }
  std::istream& in = options.file.empty() ? std::cin : file;
  FirstRefusal refusal;
  auto client = connect(common, options.as);
  if (!client) return report(client.error());
  AgentOptions agent_options;
  agent_options.name = options.as;
  agent_options.mode = AttachMode::kPost;
  agent_options.refusal = RefusalPolicy::kStop;
  agent_options.wait_when_full = options.wait;
  agent_options.on_refused = [&](std::uint64_t number, const Error& error) {
    refusal.note(number, error);
  };
  auto agent = (*client)->attach(std::move(agent_options));
  if (!agent) return report(agent.error());
  post(**agent, options, in);
  const Status drained = (*agent)->drain(-1);
  const std::uint64_t accepted = (*agent)->accepted_count();
  (*client)->close();
  if (const auto refused = refusal.get()) {
    (void)print_accepted(common, accepted);
    return report_refusal(options, refused->first, refused->second);
  }
  if (!drained) return report(drained.error());
  return print_accepted(common, accepted);
}

}  // namespace capstan::cli
