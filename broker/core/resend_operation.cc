// A dead letter goes to its mailbox once more. PROTOCOL.md §7.
#include <algorithm>

#include "operation.h"

namespace capstan::operations {

namespace {

const DeadLetter* find_letter(const Core& core, AgentId agent, Sequence record) {
  const auto* letters = core.state.find_dead(agent);
  if (letters == nullptr) return nullptr;
  const auto at = std::lower_bound(
      letters->begin(), letters->end(), record,
      [](const DeadLetter& letter, Sequence wanted) { return letter.record < wanted; });
  return at == letters->end() || at->record != record ? nullptr : &*at;
}

Error no_letter(const Core& core, AgentId agent, Sequence record) {
  return {ErrorCode::kNotFound,
          "'" + name_of(core, agent) + "' has no dead letter " + std::to_string(record.value)};
}

/// Both records are in one commit: the envelope is never in two places, nor in none.
Result<ParamMap> resend(Core& core, const ParkedRequest& parked, const RecordView& record,
                        Sequence) {
  // It may have been dropped, or sent again, while its block was read.
  if (find_letter(core, parked.agent, parked.record) == nullptr) {
    return no_letter(core, parked.agent, parked.record);
  }
  const auto dead = record.type == RecordType::kDead ? decode_dead_record(record.payload)
                                                     : std::optional<DeadRecord>();
  const auto envelope = dead ? parse_envelope(dead->envelope) : std::optional<EnvelopeView>();
  if (!envelope) return {ErrorCode::kDamaged, "the dead letter's copy is no envelope"};
  const Inbox* inbox = core.find_inbox(parked.agent);
  if (inbox == nullptr) return {ErrorCode::kNotFound, "its agent was removed"};
  Mailbox& mailbox = *inbox->mailbox;
  if (core.disk && core.disk->state == DiskState::kFull) {
    return {ErrorCode::kDiskFull,
            "the hub's disk is nearly full; the dead letter stays where it is"};
  }
  if (!core.has_room(mailbox, dead->envelope.size())) {
    return {ErrorCode::kInboxFull, "the inbox is full; the dead letter stays where it is"};
  }
  const EnvelopeId id = store_envelope(core, mailbox, mailbox_of(parked.agent),
                                       envelope->sender_id(), *envelope, 0, 0);
  add_record(core, DeadDroppedRecord{parked.agent, parked.record});
  return ParamMap().set("envelope_id", id_bytes(id));
}

}  // namespace

Answer dead_resend(Core& core, Connection& connection, const Request& request,
                   const ParamMap& params) {
  const auto agent = named_agent(core, params);
  if (!agent) return agent.error();
  const auto record = params.number("record");
  if (!record) return Error{ErrorCode::kInvalidArgument, "dead_resend needs the number 'record'"};
  const DeadLetter* letter = find_letter(core, *agent, Sequence{*record});
  if (letter == nullptr) return no_letter(core, *agent, Sequence{*record});
  return with_record(
      core, {connection.id, request.request_id, resend, letter->record, *agent, letter->id},
      letter->block);
}

}  // namespace capstan::operations
