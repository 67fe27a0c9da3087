// The frames of the fast path, read in place. PROTOCOL.md §5.
#include "capstan/codec/compact.h"
#include "capstan/codec/limits.h"
#include "capstan/codec/msgpack_cursor.h"

namespace capstan {

namespace {

namespace mp = msgpack_cursor;

/// Reads the array header and the type; further fields at the end are a newer version's.
void open_frame(Cursor& in, FrameType type, std::uint32_t fields_min) {
  if (mp::read_array(in) < fields_min + 1 ||
      mp::read_uint(in) != static_cast<std::uint64_t>(type)) {
    in.fail();
  }
}

SessionId read_session(Cursor& in) {
  const std::uint64_t session = mp::read_uint(in);
  if (session > UINT32_MAX) in.fail();
  return static_cast<SessionId>(session);
}

EnvelopeId read_envelope_id(Cursor& in) {
  const std::uint8_t* id = mp::read_id(in);
  return id == nullptr ? EnvelopeId{} : EnvelopeId::from_bytes(id);
}

/// The two fields that a nack has beside the others.
void read_nack(Cursor& in, Receipt& receipt) {
  const std::uint64_t delay_ms = mp::read_uint(in);
  const Bytes reason = mp::read_str(in);
  if (delay_ms > UINT32_MAX || reason.size() > kNackReasonBytesMax) in.fail();
  receipt.delay_ms = static_cast<std::uint32_t>(delay_ms);
  receipt.reason = as_text(reason);
}

}  // namespace

std::optional<SendView> decode_send(Bytes frame) {
  Cursor in(frame);
  open_frame(in, FrameType::kSend, 3);
  SendView send;
  send.session = read_session(in);
  send.number = mp::read_uint(in);
  if (!mp::take_nil(in)) {
    send.envelope = mp::read_bin(in);
    if (send.envelope.empty()) in.fail();
  }
  if (!in.ok()) return std::nullopt;
  return send;
}

std::optional<Accept> decode_accept(Bytes frame) {
  Cursor in(frame);
  open_frame(in, FrameType::kAccept, 6);
  Accept accept;
  accept.session = read_session(in);
  accept.first_number = mp::read_uint(in);
  accept.count = mp::read_uint(in);
  accept.first_id = read_envelope_id(in);
  accept.window.envelopes = mp::read_uint(in);
  accept.window.bytes = mp::read_uint(in);
  if (!in.ok()) return std::nullopt;
  return accept;
}

std::optional<NotifyView> decode_notify(Bytes frame) {
  Cursor in(frame);
  open_frame(in, FrameType::kNotify, 5);
  NotifyView notify;
  notify.session = read_session(in);
  notify.delivery = mp::read_uint(in);
  const std::uint64_t attempt = mp::read_uint(in);
  if (attempt > UINT32_MAX) in.fail();
  notify.attempt = static_cast<std::uint32_t>(attempt);
  notify.position = Position{mp::read_uint(in)};
  notify.envelope = mp::read_bin(in);
  if (!in.ok()) return std::nullopt;
  return notify;
}

std::optional<Receipt> decode_receipt(Bytes frame) {
  Cursor in(frame);
  open_frame(in, FrameType::kReceipt, 4);
  Receipt receipt;
  receipt.session = read_session(in);
  const std::uint64_t kind = mp::read_uint(in);
  switch (kind) {
    case static_cast<std::uint64_t>(ReceiptKind::kCredit):
      if (!mp::take_nil(in)) in.fail();
      break;
    case static_cast<std::uint64_t>(ReceiptKind::kAck):
      receipt.envelope_id = read_envelope_id(in);
      break;
    case static_cast<std::uint64_t>(ReceiptKind::kAckUpTo):
    case static_cast<std::uint64_t>(ReceiptKind::kNack):
    case static_cast<std::uint64_t>(ReceiptKind::kWorking):
      receipt.delivery = mp::read_uint(in);
      break;
    default:
      in.fail();
  }
  receipt.kind = static_cast<ReceiptKind>(kind);
  receipt.credit_until = mp::read_uint(in);
  if (receipt.kind == ReceiptKind::kNack) read_nack(in, receipt);
  if (!in.ok()) return std::nullopt;
  return receipt;
}

}  // namespace capstan
