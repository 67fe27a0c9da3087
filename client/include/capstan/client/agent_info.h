// What a hub says about the agents on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capstan/base/ids.h"
#include "capstan/client/events.h"
#include "capstan/codec/frame.h"
#include "capstan/codec/params.h"
#include "capstan/codec/record.h"

namespace capstan {

struct AgentInfo {
  AgentId id;
  std::string name;
  bool registered = false;
  std::uint64_t version = 0;  ///< One more with each change of what the agent says about itself.
  PresenceState presence = PresenceState::kOffline;
  std::uint64_t presence_since_ns = 0;  ///< The hub's wall clock.
  /// What mail that its mailbox has accepted survives.
  Durability durability = Durability::kSynced;
  /// Of get_agent() alone; the rule is told to the agent's own key and to operators.
  AgentProfile profile;
};

/// Which agents list_agents() tells of; what is empty excludes nobody.
struct AgentFilter {
  std::string name;        ///< A glob.
  std::string capability;  ///< Stands in the résumé's list `claimed_capabilities`.
  std::optional<bool> registered{};
};

/// Runs on the I/O thread: must not block, nor call the client.
using OnPresence = std::function<void(const PresenceHeard&)>;

/// What a map of `get_agent` or `list_agents` says. Errors: kMalformedFrame: it has no id or name.
[[nodiscard]] Result<AgentInfo> agent_info_in(const ParamMap& described);

}  // namespace capstan
