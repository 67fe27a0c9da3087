// Stage 8: waiting mail goes to receivers that have credit. Live and catching-up inboxes take the
// same way; only where the block comes from differs.
#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "lanes.h"
#include "stages.h"

namespace capstan {

namespace {

/// Bytes that one turn hands out before the core looks at its other events again.
constexpr std::uint64_t kTurnBytesMax = 8 * 1024 * 1024;
/// One session's share before the next one has its turn.
constexpr std::uint64_t kSessionTurnBytesMax = 1024 * 1024;
/// Deliveries of a session from the oldest open one on. One that is held for long holds back the
/// rest in the end: what stands behind it takes memory, and time to search.
constexpr std::size_t kDeliveriesInFlightMax = 65'536;
constexpr std::size_t kReadsInFlightMax = 16;

/// Reads of parked requests have a bound of their own: who asks much delays nobody's mail.
std::size_t reads_max(const Core& core) { return kReadsInFlightMax + core.parked.size(); }

/// Failed so often, a delivery goes alone: what kills its receiver takes nothing else with it.
constexpr std::uint32_t kAttemptsToGoAlone = 2;

/// Written mail is delivered from the commit that carries it.
SharedBlock unsynced_block(const Core& core, Sequence base) {
  for (const CommitConsequences& commit : core.in_flight) {
    if (base > commit.last) continue;
    const auto at = std::lower_bound(
        commit.blocks.begin(), commit.blocks.end(), base,
        [](const SharedBlock& block, Sequence wanted) { return block->base < wanted; });
    CAPSTAN_CHECK(at != commit.blocks.end() && (*at)->base == base);
    return *at;
  }
  return nullptr;
}

SharedBlock resident_block(Core& core, Session& session, Sequence base) {
  while (!session.read_ahead.empty() && session.read_ahead.front()->base < base) {
    session.read_ahead.pop_front();
  }
  if (!session.read_ahead.empty() && session.read_ahead.front()->base == base) {
    return session.read_ahead.front();
  }
  return base > core.committed ? unsynced_block(core, base) : core.cache.find(base);
}

/// The index has runs in which nothing is waited for: what lies before them is not settled.
bool is_settled(const Inbox& inbox, const MailRun& run) {
  if (is_settled(*inbox.mailbox, run)) return true;
  if (inbox.unsaved.empty()) return false;
  for (Position position = run.first; position <= run.last(); ++position) {
    if (!is_settled(inbox, position)) return false;
  }
  return true;
}

void request_read(Core& core, Session& session, std::size_t lane) {
  session.reading = true;
  if (reads_are_full(core)) {
    core.waiting_for_read.push_back(session.agent);
    return;
  }
  const MailRuns& runs = session.inbox->mailbox->lanes[lane];
  std::vector<Sequence> bases;
  auto at = first_run(session, lane);
  while (at != runs.end() && bases.size() < session.blocks_per_read) {
    if (at->block > core.committed || core.cache.find(at->block) != nullptr) break;
    if (is_settled(*session.inbox, *at)) {
      at = runs.from(behind_settled(*session.inbox->mailbox, *at));
    } else {
      bases.push_back(at->block);
      ++at;
    }
  }
  CAPSTAN_CHECK(!bases.empty());
  request_blocks(core, session.agent, ReadPurpose::kDeliver, std::move(bases));
}

void notify(Core& core, Session& session, const EnvelopeRecord& record, const EnvelopeId& id,
            std::uint32_t failed_attempts = 0) {
  Inbox& inbox = *session.inbox;
  // What an earlier process stored, it may have delivered, too: nobody wrote that down.
  Position& delivered_up_to = inbox.delivered_up_to[static_cast<std::size_t>(record.priority)];
  const bool again =
      record.position <= delivered_up_to || id.sequence() <= core.start.last_sequence;
  const std::uint32_t attempt = std::max(failed_attempts + 1, again ? 2U : 1U);
  send_delivery(core, session, record.position, attempt, id, record.priority, record.envelope);
  session.alone = failed_attempts >= kAttemptsToGoAlone;
  delivered_up_to = std::max(delivered_up_to, record.position);
  if (again) ++core.counters.redelivered;
}

/// Failed before: it has its own time and way.
bool is_retried(const Inbox& inbox, Position position) {
  const auto& retries = inbox.mailbox->retries;
  return !retries.empty() && retries.count(position) != 0;
}

/// Delivers from one block until its end or the end of credit; returns the bytes handed out.
std::uint64_t deliver_block(Core& core, Session& session, std::size_t lane,
                            const SharedBlock& block, const MailRun& run) {
  LaneCursor& cursor = session.lanes[lane];
  cursor.next = std::max(cursor.next, run.first);
  if (cursor.block != block) cursor = {cursor.next, block, 0, block->base};
  const Position run_last = run.last();
  const bool may_expire = may_hold_expired(core, run);
  Expired expired;
  std::uint64_t bytes = 0;
  while (has_credit(session)) {
    const auto next = next_in_block(session, lane, run_last);
    if (!next) break;
    const EnvelopeRecord& record = next->second;
    const EnvelopeId id = stamped_id(record.envelope);
    if (id <= session.after || is_settled(*session.inbox, record.position)) continue;
    if (is_retried(*session.inbox, record.position)) break;  // Its turn is now, if it is due.
    if (may_expire && is_expired(core, record.envelope)) {
      add_expired(expired, record.position, record.envelope);
      continue;
    }
    notify(core, session, record, id);
    bytes += record.envelope.size();
  }
  settle_expired(core, *session.inbox, expired);
  return bytes;
}

/// Delivers or buries the failed delivery whose turn it is; returns the bytes handed out. Empty: it
/// has to wait, for its block or for those that are in flight.
std::optional<std::uint64_t> deliver_retry(Core& core, Session& session, Position position) {
  Inbox& inbox = *session.inbox;
  const Retry retry = inbox.mailbox->retries.at(position);
  const Sequence base = find_run(inbox, retry.priority, position)->block;
  const bool dead = is_dead(core, retry.attempts);
  if (!dead && retry.attempts >= kAttemptsToGoAlone && session.in_flight_bytes > 0)
    return std::nullopt;
  const SharedBlock block = resident_block(core, session, base);
  if (block == nullptr) {
    session.reading = true;
    if (reads_are_full(core)) {
      core.waiting_for_read.push_back(session.agent);
    } else {
      request_blocks(core, session.agent, ReadPurpose::kDeliver, {base});
    }
    return std::nullopt;
  }
  take_from_due(inbox, retry.priority, position);
  const auto record = find_in_block(*block, session.agent, position);
  if (!record) return 0;  // The index says otherwise than the block: never wait for it.
  if (stamped_id(record->envelope) <= session.after) {
    session.retries_left_out.push_back(position);
    return 0;
  }
  if (is_expired(core, record->envelope)) {
    Expired expired;
    add_expired(expired, position, record->envelope);
    settle_expired(core, inbox, expired);
    return 0;
  }
  if (dead) {
    bury(core, inbox, position, retry, record->envelope);
  } else {
    notify(core, session, *record, stamped_id(record->envelope), retry.attempts);
  }
  return record->envelope.size();
}

enum class Outcome { kDone, kTurnOver };

/// Delivers until credit, mail, resident blocks or the turn's share end.
Outcome deliver_session(Core& core, Session& session, std::uint64_t& turn_bytes) {
  std::uint64_t session_bytes = 0;
  const auto handed_out = [&](std::uint64_t bytes) {
    session_bytes += bytes;
    turn_bytes += bytes;
  };
  while (has_credit(session)) {
    if (session_bytes >= kSessionTurnBytesMax) return Outcome::kTurnOver;
    if (const auto position = next_retry(core, session)) {
      const auto bytes = deliver_retry(core, session, *position);
      if (!bytes) return Outcome::kDone;
      handed_out(*bytes);
      continue;
    }
    if (has_only_retries(session)) break;
    const auto [lane, run] = next_run(core, session);
    if (!run) break;
    // The block that the cursor stands in is held by it: not read again for each credit.
    const SharedBlock& current = session.lanes[lane].block;
    const bool held = current != nullptr && current->base == run->block;
    const SharedBlock block = held ? current : resident_block(core, session, run->block);
    if (block == nullptr && is_settled(*session.inbox, *run)) {
      // Never read for nothing: the block may be one that nobody can read.
      session.lanes[lane].next = behind_settled(*session.inbox->mailbox, *run);
      continue;
    }
    if (block == nullptr) {
      request_read(core, session, lane);
      break;
    }
    handed_out(deliver_block(core, session, lane, block, *run));
  }
  if (!has_credit(session)) session.read_ahead.clear();
  return Outcome::kDone;
}

/// As many of those who wait for a read as there are free ones. They come before everybody who is
/// ready: whoever has just read four blocks, and wants more, waits for them in its turn.
void admit_waiting_reads(Core& core) {
  std::vector<Session*> next;
  const std::size_t free = reads_max(core) - std::min(reads_max(core), core.reads.size());
  while (next.size() < free && !core.waiting_for_read.empty()) {
    const AgentId agent = core.waiting_for_read.front();
    core.waiting_for_read.pop_front();
    Session* session = core.find_receiver(agent);
    if (session == nullptr || !session->reading) continue;
    session->reading = false;
    session->ready = true;
    next.push_back(session);
  }
  core.ready.insert(core.ready.begin(), next.begin(), next.end());
}

void deliver_ready(Core& core, std::uint64_t& turn_bytes) {
  while (!core.ready.empty() && turn_bytes < kTurnBytesMax) {
    Session& session = *core.ready.front();
    core.ready.pop_front();
    session.ready = false;
    if (deliver_session(core, session, turn_bytes) == Outcome::kTurnOver) {
      mark_ready(core, session);
    }
  }
}

void retry_failed_reads(Core& core) {
  if (core.failed_reads.empty() || core.now.monotonic_ns < core.retry_reads_ns) return;
  for (const AgentId& agent : std::exchange(core.failed_reads, {})) {
    Session* session = core.find_receiver(agent);
    if (session != nullptr) mark_ready(core, *session);
  }
}

/// A damaged block is a gap, and only that block: of several, it is looked for one by one. After an
/// I/O error the mail stays where it is, and is read again a little later.
void take_read_error(Core& core, Session* session, const PendingRead& read, const ReadDone& done) {
  const Error& error = *done.error;
  core.audit("read_failed", "agent=" + read.agent.hex() + " error=\"" + error.text() + "\"");
  if (error.code == ErrorCode::kIo) {
    if (core.failed_reads.empty()) core.retry_reads_ns = core.now.monotonic_ns + kReadRetryNs;
    core.failed_reads.push_back(read.agent);
    return;
  }
  if (read.bases.size() == 1) {
    record_gap(core, done.lost.value_or(Gap{read.bases.front(), read.bases.front()}));
  }
  if (session == nullptr) return;
  session->blocks_per_read = 1;
  mark_ready(core, *session);
}

}  // namespace

bool has_credit(const Session& session) {
  if (session.alone && session.in_flight_bytes > 0) return false;
  return session.next_delivery <= session.credit_until &&
         session.in_flight.size() < kDeliveriesInFlightMax &&
         (session.in_flight_bytes < session.credit_bytes || session.in_flight.empty()) &&
         session.connection->unacknowledged_bytes < kConnectionBytesMax;
}

SendWindow room_of(const Session& session) {
  const auto left = [](std::uint64_t bound, std::uint64_t used) {
    return bound - std::min(bound, used);
  };
  return {std::min(left(session.credit_until, session.next_delivery - 1),
                   left(kDeliveriesInFlightMax, session.in_flight.size())),
          std::min(left(session.credit_bytes, session.in_flight_bytes),
                   left(kConnectionBytesMax, session.connection->unacknowledged_bytes))};
}

void send_delivery(Core& core, Session& session, Position position, std::uint32_t attempt,
                   const EnvelopeId& id, Priority priority, Bytes envelope) {
  Connection& connection = *session.connection;
  core.output(connection)
      .write(NotifyView{session.id, session.next_delivery, attempt, position, envelope});
  core.flush_if_large(connection);
  ++session.next_delivery;
  session.in_flight.push_back({position, id, give_back_at(core),
                               static_cast<std::uint32_t>(envelope.size()), priority, false});
  session.in_flight_bytes += envelope.size();
  connection.unacknowledged_bytes += envelope.size();
  if (connection.unacknowledged_bytes >= kConnectionBytesMax) connection.was_full = true;
  ++core.counters.delivered;
}

bool is_settled(const Inbox& inbox, Position position) {
  return inbox.mailbox->settled.contains(position.value) || inbox.unsaved.contains(position.value);
}

bool reads_are_full(const Core& core) { return core.reads.size() >= reads_max(core); }

bool someone_may_read(const Core& core) {
  return !core.waiting_for_read.empty() && !reads_are_full(core);
}

void request_blocks(Core& core, AgentId agent, ReadPurpose purpose, std::vector<Sequence> bases) {
  core.reads.emplace(core.next_read, PendingRead{agent, purpose, bases});
  core.effects->push_back(ReadBlocks{core.next_read, std::move(bases)});
  ++core.next_read;
}

void mark_ready(Core& core, Session& session) {
  if (session.ready || session.reading || session.inbox == nullptr) return;
  if (session.opens_with > core.released) return;
  session.ready = true;
  core.ready.push_back(&session);
}

void credit_freed(Core& core, Session& session) {
  mark_ready(core, session);
  Connection& connection = *session.connection;
  if (!connection.was_full || connection.unacknowledged_bytes >= kConnectionBytesMax) return;
  connection.was_full = false;
  for (const auto& entry : connection.sessions) mark_ready(core, *entry.second);
}

bool deliver(Core& core) {
  retry_failed_reads(core);
  std::uint64_t turn_bytes = 0;
  do {
    admit_waiting_reads(core);
    deliver_ready(core, turn_bytes);
    // Not everybody who was admitted had to read: the next may.
  } while (turn_bytes < kTurnBytesMax && core.ready.empty() && someone_may_read(core));
  return !core.ready.empty() || someone_may_read(core);
}

void take_read(Core& core, const ReadDone& done) {
  const auto at = core.reads.find(done.id);
  if (at == core.reads.end()) return;
  const PendingRead read = std::move(at->second);
  core.reads.erase(at);
  if (read.purpose == ReadPurpose::kRequest) {
    return take_request_read(core, done);
  }
  if (read.purpose == ReadPurpose::kExpire) {
    return take_expiry_read(core, read.agent, read.bases.front(), done);
  }
  if (read.purpose == ReadPurpose::kBury) {
    return take_burial_read(core, read.agent, read.bases.front(), done);
  }
  if (read.purpose == ReadPurpose::kCopy) {
    return take_copy_read(core, read.bases, done);
  }
  Session* session = core.find_receiver(read.agent);
  const bool waiting = session != nullptr && session->reading;
  if (waiting) session->reading = false;
  if (done.error) {
    take_read_error(core, session, read, done);
  } else if (waiting) {
    session->blocks_per_read = kBlocksPerReadMax;
    session->read_ahead.assign(done.blocks.begin(), done.blocks.end());
    mark_ready(core, *session);
  }
}

}  // namespace capstan
