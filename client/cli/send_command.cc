#include <iostream>
#include <mutex>
#include <optional>

#include "capstan/codec/limits.h"
#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "input.h"
#include "params_json.h"

namespace capstan::cli {

namespace {

/// What the agent's thread hears: the hub's first refusal, whose number is that of the line, and
/// why the session has ended.
class Heard {
 public:
  void refused(std::uint64_t number, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!refusal_ || number < refusal_->first) refusal_ = {number, error};
  }
  void ended(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = error;
  }
  [[nodiscard]] std::optional<std::pair<std::uint64_t, Error>> refusal() const {
    const std::lock_guard lock(mutex_);
    return refusal_;
  }
  [[nodiscard]] std::optional<Error> end() const {
    const std::lock_guard lock(mutex_);
    return end_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::pair<std::uint64_t, Error>> refusal_;
  std::optional<Error> end_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

Priority priority_of(const std::string& name) {
  if (name == "background") return Priority::kBackground;
  return name == "urgent" ? Priority::kUrgent : Priority::kNormal;
}

/// Why not everything was posted.
struct PostFailure {
  Error error;
  bool reading = false;      ///< The input could not be read, and nothing is wrong with the hub.
  std::uint64_t posted = 0;  ///< Envelopes, all of which may still be accepted.
};

/// What this process itself refuses is more than a hub takes, whichever it is.
Error with_limit(Error error) {
  if (error.code != ErrorCode::kTooLarge) return error;
  error.context += ", and a hub takes " + std::to_string(kEnvelopeBytesMax) + " at most";
  return error;
}

std::optional<PostFailure> post_whole(AgentClient& agent, const SendOptions& options,
                                      Envelope envelope, Input& input) {
  std::string text = joined(options.words);
  if (options.words.empty()) {
    auto read = input.read_rest();
    if (!read) return PostFailure{read.error(), true};
    text = *std::move(read);
  }
  if (!options.idempotency_key.empty()) envelope.idempotency_key = options.idempotency_key;
  envelope.event_data = encode_text_event(text);
  const auto sent = agent.send(options.to, envelope);
  return sent ? std::nullopt : std::optional(PostFailure{with_limit(sent.error())});
}

std::optional<PostFailure> post_lines(AgentClient& agent, const SendOptions& options,
                                      Envelope envelope, Input& input) {
  const std::string& key = options.idempotency_key;
  for (std::uint64_t posted = 0;; ++posted) {
    const auto line = input.next_line();
    if (!line) return PostFailure{line.error(), true, posted};
    if (!*line) return std::nullopt;
    if (!key.empty()) envelope.idempotency_key = key + ':' + std::to_string(posted + 1);
    envelope.event_data = encode_text_event(**line);
    const auto sent = agent.send(options.to, envelope);
    if (!sent) return PostFailure{with_limit(sent.error()), false, posted};
  }
}

/// Posts what the options name; stops at the first error.
std::optional<PostFailure> post(AgentClient& agent, const SendOptions& options, Input& input) {
  Envelope envelope;
  envelope.ttl_seconds = options.ttl_seconds;
  envelope.priority = priority_of(options.priority);
  return options.lines ? post_lines(agent, options, std::move(envelope), input)
                       : post_whole(agent, options, std::move(envelope), input);
}

void print_accepted(const CommonOptions& common, std::uint64_t accepted) {
  if (common.json) {
    std::cout << json_line({{"accepted", accepted}}) << std::flush;
  } else {
    std::cout << "accepted " << accepted << std::endl;
  }
}

int tell(const SendOptions& options, const std::string& where, Error error, int exit) {
  if (error.code == ErrorCode::kTooLarge) {
    error.context += "; send it in parts (--lines sends every line by itself), or say where it is";
  }
  (void)report(error, options.lines ? where : "");
  return exit;
}

std::string line_text(std::uint64_t number) { return "line " + std::to_string(number); }

/// Says what kept the rest from being accepted, if anything did.
int outcome(const SendOptions& options, const std::optional<PostFailure>& failure,
            const Status& drained, const Heard& heard, const Input& input, std::uint64_t accepted) {
  if (const auto refused = heard.refusal()) {
    return tell(options, line_text(refused->first), refused->second, kExitRefused);
  }
  // What is accepted, is so in the order of the lines.
  const std::string next = line_text(accepted + 1);
  if (!drained) return tell(options, next, drained.error(), exit_code(drained.error()));
  if (failure && failure->reading) {
    return tell(options, "after " + line_text(failure->posted), failure->error, kExitFailed);
  }
  if (failure) {
    const bool too_large = failure->error.code == ErrorCode::kTooLarge;
    return tell(options, next, failure->error,
                too_large ? kExitRefused : exit_code(failure->error));
  }
  // All lines so far are accepted, and nobody will take those that may follow.
  const auto ended = input.interrupted() ? heard.end() : std::nullopt;
  return ended ? tell(options, next, *ended, exit_code(*ended)) : kExitDone;
}

}  // namespace

int run_send(const CommonOptions& common, const SendOptions& options) {
  const auto input = Input::open(options.file);
  if (!input) return report(input.error());
  Heard heard;
  auto client = connect(common, options.as);
  if (!client) return report(client.error());
  AgentOptions agent_options;
  agent_options.name = options.as;
  agent_options.mode = AttachMode::kPost;
  agent_options.refusal = RefusalPolicy::kStop;
  agent_options.wait_when_full = options.wait;
  agent_options.on_refused = [&](std::uint64_t number, const Error& error) {
    heard.refused(number, error);
    (*input)->interrupt();
  };
  agent_options.on_ended = [&](const Error& error) {
    heard.ended(error);
    (*input)->interrupt();
  };
  auto agent = (*client)->attach(std::move(agent_options));
  if (!agent) return report(agent.error());
  const auto failure = post(**agent, options, **input);
  const Status drained = (*agent)->drain(-1);
  const std::uint64_t accepted = (*agent)->accepted_count();
  (*client)->close();
  print_accepted(common, accepted);
  return outcome(options, failure, drained, heard, **input, accepted);
}

}  // namespace capstan::cli
