// An agent is removed: its sessions end, its name is free, its mailbox is closed.
// PROTOCOL.md §6.15.
#include <algorithm>

#include "stages.h"

namespace capstan {

namespace {

/// In the same order in every build.
std::vector<std::pair<ConnectionId, SessionId>> sessions_of(const Core& core, AgentId agent) {
  std::vector<std::pair<ConnectionId, SessionId>> sessions;
  for (const auto& [id, connection] : core.connections) {
    for (const auto& [session_id, session] : connection->sessions) {
      if (session->agent == agent) sessions.emplace_back(id, session_id);
    }
  }
  std::sort(sessions.begin(), sessions.end());
  return sessions;
}

/// Senders remember where they sent last.
void forget_routes(Core& core, const Mailbox* mailbox) {
  for (const auto& entry : core.connections) {
    for (const auto& [id, session] : entry.second->sessions) {
      if (session->last_mailbox != mailbox) continue;
      session->last_mailbox = nullptr;
      session->last_channel = {};
    }
  }
}

}  // namespace

void end_sessions(Core& core, AgentId agent, const std::string& reason) {
  for (const auto& [connection, id] : sessions_of(core, agent)) {
    Session& session = *core.find_session(connection, id);
    // At once: a removed agent's connection may be ended right behind, and whoever hears later
    // that the session is unknown would attach again.
    core.output(*session.connection)
        .write(ErrorFrame{id, FrameType::kNone, 0, ErrorCode::kAccessDenied, reason});
    end_session(core, session);
  }
}

std::uint64_t retire_agent(Core& core, AgentId agent) {
  Inbox& known = core.inbox_of(agent);
  // What was acknowledged is no dead letter.
  if (!known.unsaved.empty()) settle_acknowledged(core);
  const std::uint64_t waiting = known.mailbox->pending();
  core.audit("agent_removed", "agent=" + agent.hex() +
                                  " name=" + core.state.find_agent(agent)->name +
                                  " waiting=" + std::to_string(waiting));
  end_sessions(core, agent, "this agent was removed");
  note_presence(core, agent);
  forget_routes(core, known.mailbox);
  forget_expiry(core, known);
  const auto at = core.inboxes.find(agent);
  std::unique_ptr<Inbox> inbox = std::move(at->second);
  core.inboxes.erase(at);
  add_record(core, AgentRetiredRecord{agent, core.now.wall_ns});
  core.building.ended_inboxes.push_back(std::move(inbox));
  core.burials.try_emplace(agent);
  return waiting;
}

}  // namespace capstan
