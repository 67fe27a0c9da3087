#include "lanes.h"

#include "capstan/codec/envelope.h"

namespace capstan {

MailRuns::Iterator first_run(const Session& session, std::size_t lane) {
  return session.inbox->mailbox->lanes[lane].from(session.lanes[lane].next);
}

NextRun next_run(const Core& core, const Session& session) {
  const Sequence up_to = core.deliverable(*session.inbox);
  for (std::size_t lane = kPriorityCount; lane-- > 0;) {
    if (session.inbox->mailbox->lanes[lane].empty()) continue;
    const auto at = first_run(session, lane);
    if (at == session.inbox->mailbox->lanes[lane].end() || at->block > up_to) continue;
    return {lane, *at};
  }
  return {};
}

Position behind_settled(const Mailbox& mailbox, const MailRun& run) {
  return Position{mailbox.settled.next_missing(run.last().value + 1)};
}

std::optional<MailRun> find_run(const Inbox& inbox, Priority priority, Position position) {
  const MailRuns& runs = inbox.mailbox->lanes[static_cast<std::size_t>(priority)];
  const auto at = runs.from(position);
  if (at == runs.end() || at->first > position) return std::nullopt;
  return *at;
}

std::optional<std::pair<Sequence, EnvelopeRecord>> next_in_block(Session& session, std::size_t lane,
                                                                 Position run_last) {
  LaneCursor& cursor = session.lanes[lane];
  RecordReader reader(*cursor.block, cursor.offset, cursor.sequence);
  while (cursor.next <= run_last) {
    const auto record = reader.next();
    if (!record) {
      // The index says that the run stands here, the block says otherwise: never wait for it.
      cursor.next = run_last.plus(1);
      break;
    }
    cursor.offset = record->end_offset;
    cursor.sequence = record->sequence.plus(1);
    if (record->type != RecordType::kEnvelope || record->priority != lane) continue;
    const auto envelope = decode_envelope_record(*record);
    if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) continue;
    // Position first: it differs almost always when the channel does.
    if (envelope->position < cursor.next || envelope->position > run_last) continue;
    if (stamped_channel(envelope->envelope) != mailbox_of(session.agent)) continue;
    cursor.next = envelope->position.plus(1);
    return {{record->sequence, *envelope}};
  }
  return std::nullopt;
}

std::optional<EnvelopeRecord> find_in_block(const Block& block, AgentId agent, Position position) {
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->type != RecordType::kEnvelope) continue;
    const auto envelope = decode_envelope_record(*record);
    if (!envelope || envelope->position != position) continue;
    if (envelope->envelope.size() < kEnvelopeHeadBytes) continue;
    if (stamped_channel(envelope->envelope) == mailbox_of(agent)) return envelope;
  }
  return std::nullopt;
}

}  // namespace capstan
