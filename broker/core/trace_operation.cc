// What became of one envelope. PROTOCOL.md §7.
#include <algorithm>

#include "operation.h"

namespace capstan::operations {

namespace {

std::string_view priority_name(Priority priority) {
  switch (priority) {
    case Priority::kBackground:
      return "background";
    case Priority::kNormal:
      return "normal";
    case Priority::kUrgent:
      return "urgent";
  }
  return "normal";
}

const DeadLetter* find_letter(const Core& core, AgentId agent, const EnvelopeId& id) {
  const auto* letters = core.state.find_dead(agent);
  if (letters == nullptr) return nullptr;
  const auto at = std::find_if(letters->begin(), letters->end(),
                               [&](const DeadLetter& letter) { return letter.id == id; });
  return at == letters->end() ? nullptr : &*at;
}

bool is_in_flight(const Inbox& inbox, Position position) {
  if (inbox.receiver == nullptr) return false;
  const auto& in_flight = inbox.receiver->in_flight;
  return std::any_of(in_flight.begin(), in_flight.end(), [&](const InFlight& delivery) {
    return delivery.position == position && !delivery.over;
  });
}

void set_failures(ParamMap& shown, std::uint32_t attempts, const std::string& reason) {
  shown.set("attempts", std::uint64_t{attempts}).set("reason", reason);
}

void set_over(const Core& core, AgentId agent, const EnvelopeId& id, ParamMap& shown) {
  const DeadLetter* letter = find_letter(core, agent, id);
  if (letter == nullptr) {
    shown.set("state", std::string("settled"));
    return;
  }
  shown.set("state", std::string("dead")).set("died_at_ns", letter->died_at_ns);
  set_failures(shown, letter->attempts, letter->reason);
}

/// Of a removed agent: what waits is on its way to the dead letters.
void set_burial(Core& core, AgentId agent, Position position, const EnvelopeId& id,
                ParamMap& shown) {
  const Mailbox* mailbox = core.state.find_mailbox(mailbox_of(agent));
  if (mailbox == nullptr || mailbox->settled.contains(position.value)) {
    return set_over(core, agent, id, shown);
  }
  shown.set("state", std::string("pending"));
}

void set_delivery(const Core& core, const Inbox& inbox, Position position, const EnvelopeId& id,
                  ParamMap& shown) {
  if (is_settled(inbox, position)) return set_over(core, inbox.agent, id, shown);
  const auto retry = inbox.mailbox->retries.find(position);
  const bool failed = retry != inbox.mailbox->retries.end();
  if (failed) set_failures(shown, retry->second.attempts, retry->second.reason);
  const char* waiting = failed ? "retrying" : "pending";
  shown.set("state", std::string(is_in_flight(inbox, position) ? "in_flight" : waiting));
}

Result<ParamMap> show(Core& core, const ParkedRequest& parked, const RecordView& record,
                      Sequence block) {
  const auto stored = record.type == RecordType::kEnvelope ? decode_envelope_record(record)
                                                           : std::optional<EnvelopeRecord>();
  const auto envelope = stored ? parse_envelope(stored->envelope) : std::optional<EnvelopeView>();
  // Its sequence stands in the id; whether the rest is right, the record tells.
  if (!envelope || envelope->envelope_id() != parked.envelope) {
    return {ErrorCode::kNotFound, "no envelope " + parked.envelope.hex()};
  }
  const AgentId recipient = owner_of_mailbox(envelope->channel_id());
  ParamMap shown;
  shown.set("envelope_id", id_bytes(parked.envelope))
      .set("created_at_ns", envelope->created_at_ns())
      .set("block", block.value)
      .set("channel_id", id_bytes(envelope->channel_id()))
      .set("sender_id", id_bytes(envelope->sender_id()))
      .set("sender", name_of(core, envelope->sender_id()))
      .set("recipient", name_of(core, recipient))
      .set("event_type", std::string(envelope->event_type()))
      .set("priority", std::string(priority_name(envelope->priority())))
      .set("bytes", std::uint64_t{stored->envelope.size()})
      .set("position", stored->position.value);
  if (envelope->ttl_seconds()) {
    shown.set("ttl_seconds", std::uint64_t{*envelope->ttl_seconds()});
  }
  if (const Inbox* inbox = core.find_inbox(recipient)) {
    set_delivery(core, *inbox, stored->position, parked.envelope, shown);
  } else {
    set_burial(core, recipient, stored->position, parked.envelope, shown);
  }
  return shown;
}

}  // namespace

Answer trace(Core& core, Connection& connection, const Request& request, const ParamMap& params) {
  const auto bytes = params.bytes("envelope_id");
  if (!bytes || bytes->size() != 16) {
    return Error{ErrorCode::kInvalidArgument, "trace needs the 16 bytes 'envelope_id'"};
  }
  const EnvelopeId id = EnvelopeId::from_bytes(bytes->data());
  if (id.sequence().value == 0) return Error{ErrorCode::kNotFound, "no envelope " + id.hex()};
  if (id.shard() == kPassedOnShard) {
    return Error{ErrorCode::kNotFound,
                 "envelope " + id.hex() + " was not stored: its mailbox is memory"};
  }
  return with_record(core, {connection.id, request.request_id, show, id.sequence(), {}, id},
                     id.sequence());
}

}  // namespace capstan::operations
