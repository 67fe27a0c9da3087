#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <string_view>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

constexpr std::size_t kBatchMax = 1024;

// Long enough for a hub that is there; without an answer a line only lacks the name.
constexpr int kNameAnswerMs = 2000;

/// One line in the notation of C, so that no text can look like another one or command a terminal.
std::string escaped(std::string_view text) {
  std::string out;
  for (Bytes rest = as_bytes(text); !rest.empty();) {
    const std::size_t control = control_bytes(rest);
    if (rest[0] == '\n' || rest[0] == '\r') {
      out += rest[0] == '\n' ? "\\n" : "\\r";
    } else if (control > 0) {
      for (const std::uint8_t& byte : rest.first(control)) out += "\\x" + to_hex(Bytes(&byte, 1));
    } else {
      if (rest[0] == '\\') out += '\\';
      out += static_cast<char>(rest[0]);
    }
    rest = rest.subspan(std::max<std::size_t>(control, 1));
  }
  return out;
}

/// Who has an id, so that a reader of the lines knows whom to answer.
class SenderNames {
 public:
  explicit SenderNames(HubClient& client) : client_(client) {}

  /// Before each batch: a hub that did not answer may do so by now.
  void ask_again() { silent_ = false; }

  /// Empty: nobody any more, the hub itself, or the hub does not answer.
  std::string name_of(const AgentId& agent) {
    if (agent.is_zero()) return {};
    const auto known = names_.find(agent);
    if (known != names_.end()) return known->second;
    if (silent_) return {};
    const ByteBuffer id(agent.bytes.begin(), agent.bytes.end());
    const auto answer =
        client_.request("get_agent", ParamMap().set("agent_id", id), kNameAnswerMs, Repeat::kYes);
    silent_ = !answer && answer.error().code != ErrorCode::kNotFound;
    if (silent_) return {};
    return names_[agent] = answer ? answer->text("name").value_or("") : std::string();
  }

 private:
  HubClient& client_;
  std::map<AgentId, std::string> names_;
  bool silent_ = false;
};

nlohmann::json to_json(const Delivery& delivery, const Envelope& envelope,
                       const Result<std::string>& text, const std::string& sender) {
  nlohmann::json row{
      {"envelope_id", envelope.envelope_id.hex()}, {"channel_id", envelope.channel_id.hex()},
      {"sender_id", envelope.sender_id.hex()},     {"event_type", envelope.event_type},
      {"created_at_ns", envelope.created_at_ns},   {"position", delivery.position.value},
      {"redelivered", delivery.attempt > 1}};
  if (!sender.empty()) row["sender"] = sender;
  if (text) row["text"] = *text;
  // A notice of the hub says more than its text.
  if (!text || envelope.sender_id.is_zero()) {
    row["event_data_hex"] = to_hex(envelope.event_data);
  }
  return row;
}

/// What the hub says stands in parentheses. What an agent sends and would, behind a backslash.
void append_line(std::string& out, const Delivery& delivery, bool json, SenderNames& names) {
  const auto text = delivery.text();
  const bool from_hub = stamped_sender(delivery.bytes).is_zero();
  if (!json && text && !from_hub) {
    if (text->starts_with('(')) out += '\\';
    out += escaped(*text) + '\n';
    return;
  }
  const auto envelope = delivery.envelope();
  if (!envelope) return;  // The hub checked it; it would be a newer form.
  if (json) {
    out += json_line(to_json(delivery, *envelope, text, names.name_of(envelope->sender_id)));
    return;
  }
  if (!from_hub) out += '\\';
  const std::string what =
      text ? ": " + escaped(*text)
           : ", " + std::to_string(envelope->event_data.size()) + " bytes; --json shows them";
  out += '(' + escaped(envelope->event_type) + what + ")\n";
}

/// Prints, flushes, then acknowledges: what nobody has seen comes again.
Status print_batch(AgentClient& agent, const std::vector<Delivery>& batch, bool json,
                   SenderNames& names) {
  std::string out;
  names.ask_again();
  for (const Delivery& delivery : batch) append_line(out, delivery, json, names);
  if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0) {
    return {ErrorCode::kIo, "cannot write to stdout; nothing of this batch was acknowledged"};
  }
  agent.acknowledge_up_to(batch.back().number);
  return {};
}

}  // namespace

int run_listen(const CommonOptions& common, const ListenOptions& options) {
  auto client = connect(common, options.as);
  if (!client) return report(client.error());
  AgentOptions agent_options;
  agent_options.name = options.as;
  agent_options.mode = AttachMode::kReceive;
  agent_options.deliveries_max = options.count;
  auto agent = (*client)->attach(std::move(agent_options));
  if (!agent) return report(agent.error());
  const int timeout_ms = options.timeout_ms.value_or(-1);
  SenderNames names(**client);
  std::uint64_t printed = 0;
  int exit = kExitDone;
  while (!options.count || printed < *options.count) {
    const auto batch = (*agent)->receive_batch(kBatchMax, timeout_ms);
    if (!batch) return report(batch.error());
    if (batch->empty()) {
      exit = kExitListenTimeout;
      break;
    }
    if (Status done = print_batch(**agent, *batch, common.json, names); !done)
      return report(done.error());
    printed += batch->size();
  }
  // The last acknowledgements are on their way before the process ends: they, too, wait for a hub
  // that is being restarted.
  const int patience_ms =
      options.timeout_ms ? std::max(*options.timeout_ms, common.connect_timeout_ms) : -1;
  if (Status drained = (*agent)->drain(patience_ms); !drained) {
    return report(drained.error());
  }
  (*client)->close();
  return exit;
}

}  // namespace capstan::cli
