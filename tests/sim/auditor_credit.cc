// What receivers have asked for, and whether they get more, of all mail. PROTOCOL.md §6.7.
#include <algorithm>

#include "auditor.h"
#include "capstan/codec/envelope.h"

namespace capstan::sim {

void Auditor::note_attach(PeerView& peer, const Attach& attach) {
  Attaching& attaching = peer.attaching[attach.request_id];
  attaching = {attach.session, attach.agent, {}};
  attaching.view.epoch = attach.epoch;
  attaching.view.receives = attach.mode == AttachMode::kReceive;
  attaching.view.credit_until = attach.credit_until;
  attaching.view.credit_bytes = attach.credit_bytes;
}

/// At its arrival: the hub knows of no more credit than this.
void Auditor::note_receipt(SessionView& session, const Receipt& receipt) {
  session.credit_until = std::max(session.credit_until, receipt.credit_until);
  const auto let_go = [&](auto from, auto to) {
    for (auto at = from; at != to; ++at) session.held_bytes -= at->second.second;
    session.held.erase(from, to);
  };
  auto& held = session.held;
  if (receipt.kind == ReceiptKind::kAckUpTo) {
    let_go(held.begin(), held.upper_bound(receipt.delivery));
  } else if (receipt.kind == ReceiptKind::kNack) {
    let_go(held.lower_bound(receipt.delivery), held.upper_bound(receipt.delivery));
  } else if (receipt.kind == ReceiptKind::kAck) {
    const auto at = std::find_if(held.begin(), held.end(), [&](const auto& delivery) {
      return delivery.second.first == receipt.envelope_id;
    });
    if (at != held.end()) let_go(at, std::next(at));
  }
}

void Auditor::check_credit(PeerView& peer, const NotifyView& notify) {
  const auto at = peer.sessions.find(notify.session);
  if (at == peer.sessions.end() || !at->second.receives) {
    return violated("mail is delivered to nobody who receives");
  }
  SessionView& session = at->second;
  if (notify.delivery != session.last_delivery + 1) {
    return violated("delivery " + std::to_string(notify.delivery) + " follows " +
                    std::to_string(session.last_delivery));
  }
  // What got no receipt in time is given up without a word.
  const bool has_room = session.held.empty() || session.held_bytes < session.credit_bytes ||
                        plan_.hub.ack_wait_ms != 0;
  if (notify.delivery > session.credit_until || !has_room) {
    return violated("delivery " + std::to_string(notify.delivery) + " is beyond the credit");
  }
  session.last_delivery = notify.delivery;
  session.held_bytes += notify.envelope.size();
  session.held[notify.delivery] = {
      notify.envelope.size() < kEnvelopeHeadBytes ? EnvelopeId{} : stamped_id(notify.envelope),
      notify.envelope.size()};
}

}  // namespace capstan::sim
