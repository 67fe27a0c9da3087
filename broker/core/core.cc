#include "core.h"

#include <algorithm>

#include "capstan/base/check.h"
#include "capstan/codec/limits.h"

namespace capstan {

namespace {

/// However many connections share the budget, a window stays useful.
constexpr std::uint64_t kWindowBytesMin = 64 * 1024;

}  // namespace

Core::Core(const HubConfig& hub_config, State recovered, const HubStart& hub_start)
    : config(hub_config),
      start(hub_start),
      state(std::move(recovered)),
      random(hub_start.seed),
      window(send_window(hub_config, 1)),
      builder(hub_start.last_sequence.plus(1)),
      next_commit(hub_start.last_commit.plus(1)),
      released(hub_start.last_commit),
      committed(hub_start.last_sequence),
      written(hub_start.last_sequence),
      id_clock_ns(hub_start.id_time_ceiling_ns),
      id_time_ceiling_ns(hub_start.id_time_ceiling_ns),
      durable_ceiling_ns(hub_start.id_time_ceiling_ns),
      cache(hub_config.resident_blocks_bytes),
      open_segment_bytes(hub_start.open_segment_bytes) {
  state.set_applied(hub_start.last_sequence);
}

Connection* Core::find_connection(ConnectionId id) {
  const auto at = connections.find(id);
  return at == connections.end() ? nullptr : at->second.get();
}

Session* Core::find_session(ConnectionId connection, SessionId session) {
  Connection* owner = find_connection(connection);
  if (owner == nullptr) return nullptr;
  const auto at = owner->sessions.find(session);
  return at == owner->sessions.end() ? nullptr : at->second.get();
}

Inbox& Core::inbox_of(AgentId agent) {
  auto& inbox = inboxes[agent];
  if (!inbox) {
    inbox = std::make_unique<Inbox>();
    inbox->agent = agent;
    inbox->mailbox = state.find_mailbox(mailbox_of(agent));
    CAPSTAN_CHECK(inbox->mailbox != nullptr);
    const AgentRecord* record = state.find_agent(agent);
    if (record != nullptr) inbox->durability = record->durability;
    inbox->durable_floor = Position{inbox->mailbox->settled.floor()};
  }
  return *inbox;
}

Inbox* Core::find_inbox(AgentId agent) {
  const auto at = inboxes.find(agent);
  if (at != inboxes.end()) return at->second.get();
  if (state.find_retired(agent) != nullptr) return nullptr;
  return state.find_mailbox(mailbox_of(agent)) == nullptr ? nullptr : &inbox_of(agent);
}

Session* Core::find_receiver(AgentId agent) const {
  const auto at = inboxes.find(agent);
  return at == inboxes.end() ? nullptr : at->second->receiver;
}

bool Core::has_room(const Mailbox& mailbox, std::uint64_t bytes) const {
  return mailbox.pending() < config.inbox_envelopes_max &&
         mailbox.pending_bytes + bytes <= config.inbox_bytes_max && !index_is_full(mailbox);
}

bool Core::index_is_full(const Mailbox& mailbox) const {
  return state.index_bytes() >= config.index_bytes_max &&
         std::any_of(mailbox.lanes.begin(), mailbox.lanes.end(),
                     [](const MailRuns& lane) { return lane.is_long(); });
}

BodyWriter& Core::output(Connection& connection) {
  if (!connection.has_output) {
    connection.has_output = true;
    with_output.push_back(&connection);
  }
  return connection.out;
}

void Core::flush_if_large(Connection& connection) {
  if (connection.out.size() < kBatchBytesTarget) return;
  effects->push_back(SendBody{connection.id, connection.out.take()});
}

CommitConsequences& Core::consequences() {
  CAPSTAN_CHECK(uncommitted());
  return builder.empty() ? in_flight.back() : building;
}

BodyWriter& Core::reply_writer(Connection& connection) {
  if (!uncommitted()) {
    flush_if_large(connection);
    return output(connection);
  }
  auto& replies = consequences().replies;
  if (replies.empty() || replies.back().first != connection.id ||
      replies.back().second.size() >= kBatchBytesTarget) {
    replies.emplace_back(connection.id, BodyWriter());
  }
  return replies.back().second;
}

void Core::charge(Connection& connection, std::uint64_t bytes) const {
  if (connection.share_turn != turn) connection.share_used = 0;
  connection.share_turn = turn;
  connection.share_used += bytes;
}

void Core::audit(std::string event, std::string_view detail) {
  effects->push_back(Audit{std::move(event), printable(detail, kAuditBytesMax)});
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::size_t end = std::min(text.size(), bytes_max);
  // No character of UTF-8 is cut in two: a peer may not take the text then.
  const auto continues = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  while (end > 0 && continues(end)) --end;
  std::string shown(text.substr(0, end));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return (c >= 0 && c < ' ') || c == 127; }, '?');
  if (text.size() > bytes_max) shown += "...";
  return shown;
}

std::string quoted(std::string_view text) {
  std::string shown = printable(text);
  std::replace(shown.begin(), shown.end(), '"', '?');
  return '"' + shown + '"';
}

SendWindow send_window(const HubConfig& config, std::size_t connections) {
  const std::uint64_t share = config.commit_budget_bytes / std::max<std::size_t>(connections, 1);
  return {config.window_envelopes,
          std::clamp(share, kWindowBytesMin, std::max(config.window_bytes, kWindowBytesMin))};
}

}  // namespace capstan
