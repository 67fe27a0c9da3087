// Stage 5: is it this number's turn, and is there a place for it? PROTOCOL.md §6.
#include "batch.h"
#include "capstan/codec/limits.h"
#include "stages.h"

namespace capstan {

namespace {

using Refusal = std::optional<std::pair<ErrorCode, std::string>>;

ChannelId channel_of(const BatchItem& item) {
  return item.envelope.bytes().empty() ? ChannelId{} : item.envelope.channel_id();
}

/// Empty when the number may be stored now.
Refusal check_turn(const Session& session, std::uint64_t number, const ChannelId& channel) {
  if (session.epoch == 0 || number == 0) {
    return {{ErrorCode::kInvalidArgument, "epochs and numbers are above 0"}};
  }
  if (number > kSendNumberMax) {
    return {{ErrorCode::kInvalidArgument,
             "the highest number of a send is " + std::to_string(kSendNumberMax)}};
  }
  if (number > session.expected) {
    return {{ErrorCode::kOutOfOrder,
             "number " + std::to_string(session.expected) + " has to come first"}};
  }
  // A skip goes to no channel, and has no order to keep.
  if (!channel.is_zero() && session.open_numbers.blocks(number, channel)) {
    return {{ErrorCode::kOutOfOrder, "an earlier number to this channel was refused"}};
  }
  return std::nullopt;
}

/// Whoever attaches anew has a new window, and some records need none; what all of them have sent
/// still waits for the disk.
Refusal check_disk(const Core& core) {
  if (!commits_are_full(core)) return std::nullopt;
  return {
      {ErrorCode::kWindowExceeded, "as much as may be waits for the hub's disk; send again later"}};
}

Refusal check_window(const Core& core, const Session& session, std::uint64_t bytes) {
  // A shrunken grant must not refuse what was sent under a larger one: the bound is the largest.
  // An empty window takes one envelope of any size.
  if (session.unaccepted.envelopes > 0 &&
      (session.unaccepted.envelopes + 1 > core.config.window_envelopes ||
       session.unaccepted.bytes + bytes > core.config.window_bytes)) {
    return {{ErrorCode::kWindowExceeded, "more is unaccepted than the send window allows"}};
  }
  return std::nullopt;
}

Refusal check_place(const Core& core, const Mailbox& mailbox, std::uint64_t bytes) {
  if (core.disk && core.disk->state == DiskState::kFull) {
    return {{ErrorCode::kDiskFull, "the hub's disk is nearly full; send again later"}};
  }
  if (core.has_room(mailbox, bytes)) return std::nullopt;
  return {{ErrorCode::kInboxFull,
           core.index_is_full(mailbox)
               ? "the hub's index of waiting mail is full, and much waits for the receiver; send "
                 "again later"
               : "the receiver's inbox is full; send again later"}};
}

/// Of mail that is not stored.
Refusal check_receiver(const Session* receiver) {
  if (receiver != nullptr) return std::nullopt;
  return {{ErrorCode::kNotDelivered,
           "the receiver's mailbox stores no mail, and the receiver is not there or has no credit; "
           "send again later"}};
}

/// Numbers that an earlier session had settled need not come again: the next expected one lies
/// behind them.
void pass_settled(Session& session, const Producer* producer) {
  if (session.expected > session.settled_before || producer == nullptr) return;
  session.expected = producer->settled().next_missing(session.expected);
}

/// The application sent this envelope before, under another number: the first one stands.
bool accept_as_duplicate(Core& core, BatchItem& item) {
  const Bytes key = item.send.envelope.empty() ? Bytes() : item.envelope.idempotency_key();
  if (key.empty()) return false;
  Session& session = *item.session;
  const auto id = core.state.idempotency_keys().find(session.agent, key, core.id_clock_ns);
  if (!id) return false;
  const std::uint64_t number = item.send.number;
  ++core.counters.deduplicated;
  save_numbers(core, session);
  add_record(core, DuplicateRecord{{session.agent, session.epoch}, number, *id});
  core.reply(*session.connection, Accept{session.id, number, 1, *id, core.window});
  return true;
}

void take_turn(Session& session, std::uint64_t number) {
  session.open_numbers.close(number);
  if (number == session.expected) ++session.expected;
}

void accept_again(Core& core, Session& session, std::uint64_t number, const EnvelopeId& id) {
  ++core.counters.deduplicated;
  session.open_numbers.close(number);
  core.reply(*session.connection, Accept{session.id, number, 1, id, core.window});
}

/// Its turn had come: others go on, and it may come again. What lies below and is not open is
/// settled, or this session has said that it is.
void keep_open(const Core& core, const BatchItem& item) {
  Session& session = *item.session;
  const std::uint64_t number = item.send.number;
  if (number == session.expected) {
    // Only so many numbers are kept open; beyond them the sender has to go back first.
    if (session.open_numbers.size() >= core.config.window_envelopes) return;
    ++session.expected;
  } else if (!session.open_numbers.contains(number)) {
    return;
  }
  session.open_numbers.open(number, channel_of(item));
}

}  // namespace

void refuse(Core& core, Connection& connection, BatchItem& item, ErrorCode code,
            std::string message) {
  item.error = code;
  ++core.counters.refused_sends;
  if (item.session != nullptr) keep_open(core, item);
  if (connection.waiting_answers_bytes > kWaitingTextsBytesMax) message.clear();
  core.reply(connection, ErrorFrame{item.send.session, FrameType::kSend, item.send.number, code,
                                    std::move(message)});
}

bool accept_if_settled(Core& core, const BatchItem& item) {
  Session& session = *item.session;
  const std::uint64_t number = item.send.number;
  if (session.unsaved_numbers.contains(number)) {
    accept_again(core, session, number, EnvelopeId{});
    return true;
  }
  if (number >= session.expected && session.expected > session.settled_before) return false;
  const Producer* producer = core.state.find_producer({session.agent, session.epoch});
  pass_settled(session, producer);
  if (producer == nullptr || !producer->is_settled(number)) return false;
  accept_again(core, session, number, producer->id_of(number).value_or(EnvelopeId{}));
  return true;
}

std::optional<Admitted> admit(Core& core, const Routed& routed) {
  BatchItem& item = routed.item();
  if (accept_if_settled(core, item)) return std::nullopt;
  Session& session = *item.session;
  const std::uint64_t number = item.send.number;
  auto refusal = check_turn(session, number, routed.channel());
  const bool stored = routed.durability() != Durability::kMemory;
  if (!refusal && stored) refusal = check_disk(core);
  if (!refusal && stored && accept_as_duplicate(core, item)) {
    take_turn(session, number);
    return std::nullopt;
  }
  Session* receiver = stored ? nullptr : open_receiver(core, owner_of_mailbox(routed.channel()));
  if (!refusal && routed.mailbox() != nullptr) {
    const std::uint64_t bytes = item.send.envelope.size();
    refusal = check_window(core, session, bytes);
    if (!refusal) {
      refusal = stored ? check_place(core, *routed.mailbox(), bytes) : check_receiver(receiver);
    }
  }
  if (refusal) {
    refuse(core, *session.connection, item, refusal->first, std::move(refusal->second));
    return std::nullopt;
  }
  take_turn(session, number);
  return Admitted(routed, receiver);
}

}  // namespace capstan
