// Stage 8: waiting mail goes to receivers that have credit. Live and catching-up inboxes take the
// same way; only where the block comes from differs.
#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "stages.h"

namespace capstan {

namespace {

/// Bytes that one turn hands out before the core looks at its other events again.
constexpr std::uint64_t kTurnBytesMax = 8 * 1024 * 1024;
/// One session's share before the next one has its turn.
constexpr std::uint64_t kSessionTurnBytesMax = 1024 * 1024;
/// What a connection may have unacknowledged over all of its sessions.
constexpr std::uint64_t kConnectionBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kReadsInFlightMax = 16;
constexpr std::uint64_t kReadRetryNs = 200 * kNsPerMs;

bool has_credit(const Session& session) {
  return session.next_delivery <= session.credit_until &&
         (session.in_flight_bytes < session.credit_bytes || session.in_flight.empty()) &&
         session.connection->unacknowledged_bytes < kConnectionBytesMax;
}

/// The run that holds the session's next position or, when that was settled, the first above it.
const MailRun* next_run(const Core& core, const Session& session) {
  const std::deque<MailRun>& runs = session.inbox->mailbox->runs;
  const auto at =
      std::lower_bound(runs.begin(), runs.end(), session.next_position,
                       [](const MailRun& run, Position position) { return run.last() < position; });
  if (at == runs.end() || at->block > core.committed) return nullptr;
  return &*at;
}

SharedBlock resident_block(Core& core, Session& session, Sequence base) {
  while (!session.read_ahead.empty() && session.read_ahead.front()->base < base) {
    session.read_ahead.pop_front();
  }
  if (!session.read_ahead.empty() && session.read_ahead.front()->base == base) {
    return session.read_ahead.front();
  }
  return core.cache.find(base);
}

bool is_settled(const Inbox& inbox, Position position) {
  if (inbox.mailbox->settled.contains(position.value)) return true;
  return std::any_of(inbox.unsaved.begin(), inbox.unsaved.end(), [&](const Interval& interval) {
    return interval.first <= position && position <= interval.last;
  });
}

/// The index has runs in which nothing is waited for: what lies before them is not settled.
bool is_settled(const Inbox& inbox, const MailRun& run) {
  for (Position position = run.first; position <= run.last(); ++position) {
    if (!is_settled(inbox, position)) return false;
  }
  return true;
}

void request_read(Core& core, Session& session) {
  session.reading = true;
  if (core.reads.size() >= kReadsInFlightMax) {
    core.waiting_for_read.push_back(session.agent);
    return;
  }
  const std::deque<MailRun>& runs = session.inbox->mailbox->runs;
  auto at =
      std::lower_bound(runs.begin(), runs.end(), session.next_position,
                       [](const MailRun& run, Position position) { return run.last() < position; });
  ReadBlocks read{core.next_read, {}};
  for (; at != runs.end() && read.bases.size() < session.blocks_per_read; ++at) {
    if (at->block > core.committed || core.cache.find(at->block) != nullptr) break;
    if (!is_settled(*session.inbox, *at)) read.bases.push_back(at->block);
  }
  CAPSTAN_CHECK(!read.bases.empty());
  ++core.next_read;
  core.reads.emplace(read.read, PendingRead{session.agent, read.bases});
  core.effects->push_back(std::move(read));
}

void notify(Core& core, Session& session, const EnvelopeRecord& record, const EnvelopeId& id) {
  Inbox& inbox = *session.inbox;
  Connection& connection = *session.connection;
  // What an earlier process stored, it may have delivered, too: nobody wrote that down.
  const bool again =
      record.position <= inbox.delivered_up_to || id.sequence() <= core.start.last_sequence;
  BodyWriter& out = core.output(connection);
  out.write(NotifyView{session.id, session.next_delivery, again ? 2U : 1U, record.position,
                       record.envelope});
  core.flush_if_large(connection);
  ++session.next_delivery;
  session.in_flight.push_back({record.position, id, record.envelope.size(), false});
  session.in_flight_bytes += record.envelope.size();
  connection.unacknowledged_bytes += record.envelope.size();
  inbox.delivered_up_to = std::max(inbox.delivered_up_to, record.position);
  ++core.counters.delivered;
  if (again) ++core.counters.redelivered;
}

/// Delivers from one block until its end or the end of credit; returns the bytes handed out.
std::uint64_t deliver_block(Core& core, Session& session, const SharedBlock& block,
                            Position run_last) {
  if (session.scan_block != block) {
    session.scan_block = block;
    session.scan_offset = 0;
    session.scan_sequence = block->base;
  }
  std::uint64_t bytes = 0;
  RecordReader reader(*block, session.scan_offset, session.scan_sequence);
  while (session.next_position <= run_last && has_credit(session)) {
    const auto record = reader.next();
    if (!record) {
      // The index says that the run stands here, the block says otherwise: never wait for it.
      session.next_position = run_last.plus(1);
      break;
    }
    session.scan_offset = record->end_offset;
    session.scan_sequence = record->sequence.plus(1);
    if (record->type != RecordType::kEnvelope) continue;
    const auto envelope = decode_envelope_record(*record);
    if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) continue;
    // Position first: it differs almost always when the channel does.
    if (envelope->position < session.next_position || envelope->position > run_last) continue;
    if (stamped_channel(envelope->envelope) != mailbox_of(session.agent)) continue;
    session.next_position = envelope->position.plus(1);
    if (record->sequence <= session.after || is_settled(*session.inbox, envelope->position)) {
      continue;
    }
    notify(core, session, *envelope, stamped_id(envelope->envelope));
    bytes += envelope->envelope.size();
  }
  return bytes;
}

enum class Outcome { kDone, kTurnOver };

/// Delivers until credit, mail, resident blocks or the turn's share end.
Outcome deliver_session(Core& core, Session& session, std::uint64_t& turn_bytes) {
  std::uint64_t session_bytes = 0;
  while (has_credit(session)) {
    const MailRun* run = next_run(core, session);
    if (run == nullptr) break;
    const SharedBlock block = resident_block(core, session, run->block);
    if (block == nullptr && is_settled(*session.inbox, *run)) {
      // Never read for nothing: the block may be one that nobody can read.
      session.next_position = run->last().plus(1);
      continue;
    }
    if (block == nullptr) {
      request_read(core, session);
      break;
    }
    session.next_position = std::max(session.next_position, run->first);
    const std::uint64_t bytes = deliver_block(core, session, block, run->last());
    session_bytes += bytes;
    turn_bytes += bytes;
    if (session_bytes >= kSessionTurnBytesMax) return Outcome::kTurnOver;
  }
  if (!has_credit(session)) session.read_ahead.clear();
  return Outcome::kDone;
}

void start_waiting_reads(Core& core) {
  while (!core.waiting_for_read.empty() && core.reads.size() < kReadsInFlightMax) {
    const AgentId agent = core.waiting_for_read.front();
    core.waiting_for_read.pop_front();
    Session* session = core.inbox_of(agent).receiver;
    if (session == nullptr || !session->reading) continue;
    session->reading = false;
    mark_ready(core, *session);
  }
}

void retry_failed_reads(Core& core) {
  if (core.failed_reads.empty() || core.now.monotonic_ns < core.retry_reads_ns) return;
  for (const AgentId& agent : std::exchange(core.failed_reads, {})) {
    Session* session = core.inbox_of(agent).receiver;
    if (session != nullptr) mark_ready(core, *session);
  }
}

/// A damaged block is a gap, and only that block: of several, it is looked for one by one. After an
/// I/O error the mail stays where it is, and is read again a little later.
void take_read_error(Core& core, Session* session, const PendingRead& read, const Error& error) {
  core.audit("read_failed", "agent=" + read.agent.hex() + " error=\"" + error.text() + "\"");
  if (error.code == ErrorCode::kIo) {
    if (core.failed_reads.empty()) core.retry_reads_ns = core.now.monotonic_ns + kReadRetryNs;
    core.failed_reads.push_back(read.agent);
    return;
  }
  if (read.bases.size() == 1) record_gap(core, {read.bases.front(), read.bases.front()});
  if (session == nullptr) return;
  session->blocks_per_read = 1;
  mark_ready(core, *session);
}

}  // namespace

void mark_ready(Core& core, Session& session) {
  if (session.ready || session.reading || session.inbox == nullptr) return;
  if (session.opens_with > core.released) return;
  session.ready = true;
  core.ready.push_back(&session);
}

bool deliver(Core& core) {
  retry_failed_reads(core);
  std::uint64_t turn_bytes = 0;
  while (!core.ready.empty() && turn_bytes < kTurnBytesMax) {
    Session& session = *core.ready.front();
    core.ready.pop_front();
    session.ready = false;
    if (deliver_session(core, session, turn_bytes) == Outcome::kTurnOver) {
      mark_ready(core, session);
    }
  }
  return !core.ready.empty();
}

void take_read(Core& core, const ReadDone& done) {
  const auto at = core.reads.find(done.id);
  if (at == core.reads.end()) return;
  const PendingRead read = std::move(at->second);
  core.reads.erase(at);
  Session* session = core.inbox_of(read.agent).receiver;
  const bool waiting = session != nullptr && session->reading;
  if (waiting) session->reading = false;
  if (done.error) {
    take_read_error(core, session, read, *done.error);
  } else if (waiting) {
    session->blocks_per_read = kBlocksPerReadMax;
    session->read_ahead.assign(done.blocks.begin(), done.blocks.end());
    mark_ready(core, *session);
  }
  start_waiting_reads(core);
}

}  // namespace capstan
