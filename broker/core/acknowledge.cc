// Stage 9: receipts settle deliveries; settlements ride in the next commit.
#include <algorithm>

#include "stages.h"

namespace capstan {

namespace {

/// From the oldest on, before the index of ids is asked.
constexpr std::size_t kInFlightSearched = 16;
/// Stretches of one inbox that wait for a commit: their record stays far below a block.
constexpr std::size_t kUnsavedStretchesMax = 1'024;

void note_unsaved(Core& core, Inbox& inbox, const InFlight& delivery) {
  if (inbox.unsaved.empty()) {
    core.with_unsaved.push_back(&inbox);
    if (core.oldest_unsaved_ns == 0) core.oldest_unsaved_ns = core.now.monotonic_ns;
  }
  inbox.unsaved_bytes += delivery.bytes;
  inbox.unsaved.add(delivery.position.value, delivery.position.value);
  if (inbox.unsaved.intervals() >= kUnsavedStretchesMax) settle_acknowledged(core);
}

void settle(Core& core, Session& session, InFlight& delivery) {
  if (delivery.over) return;
  delivery.over = true;
  ++core.counters.acknowledged;
  session.in_flight_bytes -= delivery.bytes;
  session.connection->unacknowledged_bytes -= delivery.bytes;
  // What is stored nowhere has nothing to settle.
  if (session.inbox->durability == Durability::kMemory) return;
  note_unsaved(core, *session.inbox, delivery);
}

void settle_up_to(Core& core, Session& session, std::uint64_t delivery) {
  while (!session.in_flight.empty() && session.first_in_flight <= delivery) {
    settle(core, session, session.in_flight.front());
    session.in_flight.pop_front();
    ++session.first_in_flight;
  }
}

/// Null when it is over, or was never sent: like an acknowledgement of such a one, it says nothing.
InFlight* find_delivery(Session& session, std::uint64_t number) {
  if (number < session.first_in_flight) return nullptr;
  const std::uint64_t at = number - session.first_in_flight;
  if (at >= session.in_flight.size() || session.in_flight[at].over) return nullptr;
  return &session.in_flight[at];
}

/// Takes up the deliveries since the last time. What is over goes once it is the larger part.
void renew(DeliveryIndex& index, const Session& session) {
  if (index.numbers.size() > 2 * session.in_flight.size() + kInFlightSearched) index = {};
  index.next = std::max(index.next, session.first_in_flight);
  for (; index.next < session.next_delivery; ++index.next) {
    const std::size_t at = index.next - session.first_in_flight;
    index.numbers[session.in_flight[at].id.sequence()] = index.next;
  }
}

InFlight* find_delivery(Session& session, const EnvelopeId& id) {
  // Receivers mostly acknowledge the oldest: those need no index.
  const std::size_t near = std::min(session.in_flight.size(), kInFlightSearched);
  for (std::size_t i = 0; i < near; ++i) {
    InFlight& delivery = session.in_flight[i];
    if (delivery.id == id && !delivery.over) return &delivery;
  }
  if (near == session.in_flight.size()) return nullptr;
  renew(session.by_id, session);
  const auto found = session.by_id.numbers.find(id.sequence());
  if (found == session.by_id.numbers.end()) return nullptr;
  InFlight* delivery = find_delivery(session, found->second);
  return delivery != nullptr && delivery->id == id ? delivery : nullptr;
}

}  // namespace

void forget_front(Session& session) {
  while (!session.in_flight.empty() && session.in_flight.front().over) {
    session.in_flight.pop_front();
    ++session.first_in_flight;
  }
}

void acknowledge(Core& core, Connection& connection, const Receipt& receipt) {
  const auto at = connection.sessions.find(receipt.session);
  if (at == connection.sessions.end()) {
    core.reply(connection, ErrorFrame{receipt.session, FrameType::kReceipt, receipt.delivery,
                                      ErrorCode::kUnknownSession,
                                      "no such session on this connection; attach first"});
    return;
  }
  Session& session = *at->second;
  if (session.inbox == nullptr) {
    core.reply(connection,
               ErrorFrame{receipt.session, FrameType::kReceipt, receipt.delivery,
                          ErrorCode::kWrongState, "a posting session has nothing to acknowledge"});
    return;
  }
  switch (receipt.kind) {
    case ReceiptKind::kCredit:
      break;
    case ReceiptKind::kAck:
      // An id that is not in flight was settled before, or belongs to an earlier session whose
      // deliveries come again: nothing is lost by ignoring it.
      if (InFlight* delivery = find_delivery(session, receipt.envelope_id)) {
        settle(core, session, *delivery);
      }
      break;
    case ReceiptKind::kAckUpTo:
      settle_up_to(core, session, receipt.delivery);
      break;
    case ReceiptKind::kNack:
      if (InFlight* delivery = find_delivery(session, receipt.delivery)) {
        ++core.counters.nacked;
        fail_delivery(core, session, *delivery, receipt.delay_ms, std::string(receipt.reason));
      }
      break;
    case ReceiptKind::kWorking:
      if (InFlight* delivery = find_delivery(session, receipt.delivery)) {
        delivery->give_back_ns = give_back_at(core);
      }
      break;
  }
  forget_front(session);
  session.credit_until = std::max(session.credit_until, receipt.credit_until);
  credit_freed(core, session);
}

void settle_acknowledged(Core& core) {
  for (Inbox* inbox : core.with_unsaved) {
    SettledRecord record;
    record.agent = inbox->agent;
    record.channel = mailbox_of(inbox->agent);
    record.bytes = std::exchange(inbox->unsaved_bytes, 0);
    record.intervals = intervals_of(std::exchange(inbox->unsaved, {}));
    add_record(core, record);
    core.building.settled_floors.emplace_back(inbox, Position{inbox->mailbox->settled.floor()});
  }
  core.with_unsaved.clear();
  core.oldest_unsaved_ns = 0;
}

}  // namespace capstan
