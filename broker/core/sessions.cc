// Who is connected, and for whom they speak.
#include <algorithm>

#include "capstan/base/check.h"
#include "stages.h"

namespace capstan {

namespace {

/// Answers to one connection that wait for commits. While the disk stands still each turn adds its
/// share; beyond this the connection is dropped, as by the router when so much waits for its
/// reader.
constexpr std::uint64_t kWaitingAnswersBytesMax = std::uint64_t{64} << 20;

/// The same of connections that are gone, until all of them are looked for.
constexpr std::uint64_t kUnheardAnswersBytesMax = std::uint64_t{32} << 20;

void detach_receiver(Core& core, Session& session) {
  Inbox* inbox = session.inbox;
  if (inbox == nullptr || inbox->receiver != &session) return;
  inbox->receiver = nullptr;
  note_presence(core, session.agent);
}

void forget_poster(Core& core, Session& session) {
  const auto poster = core.posters.find({session.agent, session.epoch});
  if (poster != core.posters.end() && poster->second == &session) core.posters.erase(poster);
}

/// What waits for commits is heard by nobody any more. It goes with them, or before: whoever comes
/// again and again leaves little behind.
void forget_answers(Core& core, const Connection& leaving) {
  core.unheard_answers_bytes += leaving.waiting_answers_bytes;
  if (core.unheard_answers_bytes <= kUnheardAnswersBytesMax) return;
  core.unheard_answers_bytes = 0;
  const auto is_unheard = [&](const auto& answer) {
    return answer.first == leaving.id || core.find_connection(answer.first) == nullptr;
  };
  std::erase_if(core.building.replies, is_unheard);
  for (CommitConsequences& commit : core.in_flight) std::erase_if(commit.replies, is_unheard);
}

/// The hub ends the connection, and says why.
void drop_peer(Core& core, ConnectionId id, const Bye& last_word) {
  core.output(*core.find_connection(id)).write(last_word);
  lose_peer(core, id);
  core.effects->push_back(Evict{id});
}

}  // namespace

void open_peer(Core& core, const PeerOpened& peer) {
  auto connection = std::make_unique<Connection>();
  connection->id = peer.connection;
  connection->identity = peer.identity;
  connection->any_key = peer.any_key;
  connection->last_heard_ns = core.now.monotonic_ns;
  core.connections[peer.connection] = std::move(connection);
  core.window = send_window(core.config, core.connections.size());
}

void lose_peer(Core& core, ConnectionId id) {
  Connection* connection = core.find_connection(id);
  if (connection == nullptr) return;
  for (const auto& entry : connection->sessions) note_lost_session(*entry.second);
  close_peer(core, id);
}

void close_peer(Core& core, ConnectionId id) {
  Connection* connection = core.find_connection(id);
  if (connection == nullptr) return;
  while (!connection->sessions.empty()) {
    end_session(core, *connection->sessions.begin()->second);
  }
  if (connection->has_output) {
    // A last word (bye, superseded) leaves before the connection is forgotten.
    if (!connection->out.empty()) core.effects->push_back(SendBody{id, connection->out.take()});
    std::erase(core.with_output, connection);
  }
  forget_answers(core, *connection);
  core.presence_subscribers.erase(id);
  core.connections.erase(id);
  core.window = send_window(core.config, core.connections.size());
}

void end_session(Core& core, Session& session) {
  return_retries(core, session);
  save_numbers(core, session);  // The client may come back, and say again what it said here.
  detach_receiver(core, session);
  forget_poster(core, session);
  if (session.ready) std::erase(core.ready, &session);
  Connection& connection = *session.connection;
  CAPSTAN_CHECK(connection.unacknowledged_bytes >= session.in_flight_bytes);
  connection.unacknowledged_bytes -= session.in_flight_bytes;
  session.inbox = nullptr;  // It is not made ready any more.
  credit_freed(core, session);
  connection.sessions.erase(session.id);
}

void expire_leases(Core& core) {
  const std::uint64_t lease_ns = std::uint64_t{core.config.lease_ms} * kNsPerMs;
  std::vector<ConnectionId> silent;
  for (const auto& [id, connection] : core.connections) {
    if (core.now.monotonic_ns > connection->last_heard_ns + lease_ns) silent.push_back(id);
  }
  std::sort(silent.begin(), silent.end());  // The same order in every build.
  for (const ConnectionId& id : silent) {
    drop_peer(core, id, {ErrorCode::kLeaseExpired, "nothing was heard for longer than the lease"});
  }
}

bool drop_if_overfull(Core& core, const Connection& connection) {
  if (connection.waiting_answers_bytes <= kWaitingAnswersBytesMax) return false;
  drop_peer(core, connection.id,
            {ErrorCode::kSlowReader,
             "more than " + std::to_string(kWaitingAnswersBytesMax >> 20) +
                 " MiB of answers wait for the hub's disk; wait for some before asking for more"});
  return true;
}

}  // namespace capstan
