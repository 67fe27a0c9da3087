// Telling those who subscribed who has come and gone: in turns, so that many agents that come at
// once are one frame for each subscriber, and not one each. PROTOCOL.md §6.17.
#include <algorithm>

#include "stages.h"

namespace capstan {

namespace {

constexpr std::uint64_t kPresenceIntervalNs = 100 * kNsPerMs;
/// Agents in one frame: it stays below the size at which a body part is begun anew.
constexpr std::size_t kAgentsPerFrame = 1000;
/// Agents that are told in one turn, over all subscribers.
constexpr std::size_t kAgentsPerTurn = 32'768;

/// Of an agent that is neither there nor removed there is nothing to be told twice.
AgentPresence look_at(const Core& core, AgentId agent) {
  const AgentRecord* known = core.state.find_agent(agent);
  if (known != nullptr) return presence_of(core, *known);
  const AgentPresence* told = core.presence.find(agent);
  AgentPresence presence = told == nullptr ? AgentPresence{agent, {}, {}, 0} : *told;
  presence.state = PresenceState::kRemoved;
  presence.since_ns = core.now.wall_ns;
  return presence;
}

void update_board(Core& core) {
  const std::uint64_t version = core.presence.version();
  for (const AgentId& agent : core.presence_noted) {
    const AgentPresence presence = look_at(core, agent);
    // Added and removed within one turn: nobody has heard of it.
    if (!presence.name.empty()) core.presence.set(presence);
  }
  core.presence_noted.clear();
  if (core.presence.version() != version) core.presence_behind = true;
}

/// Returns how many agents it was told of.
std::size_t tell(Core& core, Connection& connection) {
  std::uint64_t& told = *connection.presence_told;
  if (told != 0 && told == core.presence.version()) return 0;
  if (!core.presence.reaches_back_to(told)) told = 0;
  const Presence presence = core.presence.after(told, kAgentsPerFrame);
  told = presence.version;
  core.reply(connection, presence);
  return presence.agents.size();
}

/// From `first` on, until all or enough are told. Returns whether all were.
bool tell_subscribers(Core& core) {
  std::size_t told = 0;
  auto next = core.presence_subscribers.lower_bound(core.presence_next);
  for (std::size_t left = core.presence_subscribers.size(); left > 0; --left) {
    if (next == core.presence_subscribers.end()) next = core.presence_subscribers.begin();
    core.presence_next = *next;
    if (told >= kAgentsPerTurn) return false;
    told += tell(core, *core.find_connection(*next));
    ++next;
  }
  return std::all_of(core.presence_subscribers.begin(), core.presence_subscribers.end(),
                     [&](const ConnectionId& id) {
                       return *core.find_connection(id)->presence_told == core.presence.version();
                     });
}

}  // namespace

void note_presence(Core& core, AgentId agent) { core.presence_noted.push_back(agent); }

void plan_recovered_presence(Core& core) {
  for (const auto& [name, agent] : core.state.agents_by_name()) note_presence(core, agent);
}

AgentPresence presence_of(const Core& core, const AgentRecord& agent) {
  AgentPresence presence{agent.id, agent.name, PresenceState::kOffline, core.now.wall_ns};
  if (core.find_receiver(agent.id) != nullptr) presence.state = PresenceState::kOnline;
  const AgentPresence* told = core.presence.find(agent.id);
  if (told != nullptr && told->state == presence.state) presence.since_ns = told->since_ns;
  return presence;
}

void subscribe_to_presence(Core& core, Connection& connection, const Subscribe& subscribe) {
  const bool goes_on = subscribe.boot == core.start.boot;
  connection.presence_told = goes_on ? subscribe.version : 0;
  core.presence_subscribers.insert(connection.id);
  core.presence_behind = true;
}

void unsubscribe_from_presence(Core& core, Connection& connection, const Unsubscribe&) {
  connection.presence_told.reset();
  core.presence_subscribers.erase(connection.id);
}

void push_presence(Core& core) {
  update_board(core);
  const auto due_ns = next_presence_ns(core);
  if (!due_ns || *due_ns > core.now.monotonic_ns) return;
  core.presence_pushed_ns = core.now.monotonic_ns;
  core.presence_behind = !tell_subscribers(core);
}

std::optional<std::uint64_t> next_presence_ns(const Core& core) {
  if (!core.presence_behind || core.presence_subscribers.empty()) return std::nullopt;
  return core.presence_pushed_ns + kPresenceIntervalNs;
}

}  // namespace capstan
