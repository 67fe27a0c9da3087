// Who is there and who is not, with a version per change. PROTOCOL.md §6.17.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "capstan/base/ids.h"
#include "capstan/codec/frame.h"

namespace capstan {

/// Removed agents that are still told of. Whoever has not heard of one that is forgotten begins
/// anew.
inline constexpr std::size_t kRemovedPresencesMax = 4096;

/// The newest state of every agent, in the order of the changes. An agent stands in it once, under
/// the version of its last change: a reader that was away hears the newest state alone, and the
/// hub remembers one number per reader.
class PresenceBoard {
 public:
  /// Nothing changes when the agent is in this state already.
  void set(const AgentPresence& presence);

  /// Null when it was never set, or was removed long ago.
  [[nodiscard]] const AgentPresence* find(AgentId agent) const;
  /// Of the newest change; 0: there was none.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Whether somebody who was told everything up to `version` can be told the rest.
  [[nodiscard]] bool reaches_back_to(std::uint64_t version) const {
    return version <= version_ && version >= forgotten_;
  }
  /// Changes after `version`: at most `count`, the oldest first.
  [[nodiscard]] Presence after(std::uint64_t version, std::size_t count) const;

 private:
  struct Entry {
    AgentPresence presence;
    std::uint64_t version = 0;
  };

  void forget_oldest_removed();

  std::unordered_map<AgentId, Entry> entries_;
  std::map<std::uint64_t, AgentId> by_version_;
  std::deque<AgentId> removed_;
  std::uint64_t version_ = 0;
  std::uint64_t forgotten_ = 0;  ///< Version of the newest change that is not known any more.
};

}  // namespace capstan
