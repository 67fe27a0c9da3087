#include "presence.h"

#include <algorithm>

namespace capstan {

void PresenceBoard::set(const AgentPresence& presence) {
  Entry& entry = entries_[presence.agent];
  if (entry.version != 0) {
    if (entry.presence.state == presence.state) return;
    by_version_.erase(entry.version);
  }
  entry = {presence, ++version_};
  by_version_.emplace(entry.version, presence.agent);
  if (presence.state != PresenceState::kRemoved) return;
  removed_.push_back(presence.agent);
  if (removed_.size() > kRemovedPresencesMax) forget_oldest_removed();
}

void PresenceBoard::forget_oldest_removed() {
  const auto entry = entries_.find(removed_.front());
  removed_.pop_front();
  forgotten_ = std::max(forgotten_, entry->second.version);
  by_version_.erase(entry->second.version);
  entries_.erase(entry);
}

const AgentPresence* PresenceBoard::find(AgentId agent) const {
  const auto entry = entries_.find(agent);
  return entry == entries_.end() ? nullptr : &entry->second.presence;
}

Presence PresenceBoard::after(std::uint64_t version, std::size_t count) const {
  Presence told;
  told.snapshot = version == 0;
  told.version = version;
  auto next = by_version_.upper_bound(version);
  for (; next != by_version_.end() && told.agents.size() < count; ++next) {
    told.agents.push_back(entries_.at(next->second).presence);
    told.version = next->first;
  }
  told.more = next != by_version_.end();
  if (!told.more) told.version = version_;
  return told;
}

}  // namespace capstan
