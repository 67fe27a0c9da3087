// One agent's session, as the engine keeps it. Private to engine.cc and engine_frames.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "capstan/client/engine.h"
#include "capstan/codec/limits.h"
#include "posting.h"
#include "receiving.h"

namespace capstan {

struct ClientEngine::Session {
  enum class State : std::uint8_t { kDetached, kAttaching, kAttached };

  Session(SessionId session, SessionOptions session_options, Random& random)
      : id(session),
        options(std::move(session_options)),
        posting(session, options, random),
        receiving(options) {}

  SessionId id;
  SessionOptions options;
  State state = State::kDetached;
  AgentId agent;
  std::uint64_t attach_request = 0;
  std::uint64_t attach_due_ns = 0;  ///< kDetached: not before.
  Backoff attach_backoff{50 * kNsPerMs, 2 * kNsPerSecond};
  Posting posting;
  Receiving receiving;
  bool touched = false;
  std::optional<std::uint64_t> timer_ns;
};

// The hub has looked at who we are, and said no: asking again would not change its mind.
[[nodiscard]] inline bool ends_connection(ErrorCode code) {
  return code == ErrorCode::kRefusedHandshake || code == ErrorCode::kAccessDenied ||
         code == ErrorCode::kSuperseded || code == ErrorCode::kUnsupportedVersion;
}

// No agent has such a name, and a frame that holds it may be one that no hub takes.
[[nodiscard]] inline std::optional<Error> refusal_of_name(const std::string& name) {
  if (!name.empty() && name.size() <= kAgentNameBytesMax) return std::nullopt;
  return Error{ErrorCode::kInvalidArgument,
               "an agent's name has 1 to " + std::to_string(kAgentNameBytesMax) + " characters"};
}

}  // namespace capstan
