// What a peer may send: the input is shown to every decoder of the wire, as a body part, as one
// frame, as an envelope, as parameters and as event data. PROTOCOL.md §2 to §7.
#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "capstan/codec/profile.h"
#include "msgpack_oracle.h"
#include "target.h"

namespace capstan::fuzz {

namespace {

ByteBuffer only_frame_of(const ByteBuffer& body) {
  FrameRow row(body);
  const auto frame = row.next();
  CAPSTAN_CHECK(frame && !row.next() && row.well_formed());
  return {frame->begin(), frame->end()};
}

template <typename Frame>
ByteBuffer encode(const Frame& frame) {
  BodyWriter writer;
  writer.write(frame);
  return only_frame_of(writer.take());
}

// Each decodes a frame and encodes what it read; empty when the decoder refuses.
using Reencode = std::optional<ByteBuffer> (*)(Bytes frame);

template <auto decode>
std::optional<ByteBuffer> reencode(Bytes frame) {
  const auto decoded = decode(frame);
  if (!decoded) return std::nullopt;
  return encode(*decoded);
}

template <auto decode>
std::optional<ByteBuffer> reencode_envelope_frame(Bytes frame) {
  const auto decoded = decode(frame);
  if (!decoded) return std::nullopt;
  CAPSTAN_CHECK(inside(decoded->envelope, frame));
  return encode(*decoded);
}

std::optional<ByteBuffer> reencode_control(Bytes frame) {
  const auto decoded = decode_control(frame);
  if (!decoded) return std::nullopt;
  return std::visit([](const auto& typed) { return encode(typed); }, *decoded);
}

constexpr Reencode kReencoders[] = {reencode_envelope_frame<decode_send>, reencode<decode_accept>,
                                    reencode_envelope_frame<decode_notify>,
                                    reencode<decode_receipt>, reencode_control};

/// The verdict and the fields follow from what the bytes mean to msgpack-c, not from the length in
/// which a number was written; and what was read is written and read again as the same.
bool taken_as_promised(Bytes frame, Reencode reencode_one) {
  const std::optional<ByteBuffer> written = reencode_one(frame);
  const auto meaning = unpack_whole(frame);
  if (meaning) {
    ByteBuffer shortest;
    pack_shortest(meaning->get(), shortest);
    CAPSTAN_CHECK(reencode_one(shortest) == written);
  }
  if (!written) return false;
  CAPSTAN_CHECK(peek_type(frame) && peek_type(frame) == peek_type(*written));
  CAPSTAN_CHECK(reencode_one(*written) == written);
  const auto written_meaning = unpack_whole(*written);
  CAPSTAN_CHECK(written_meaning);
  CAPSTAN_CHECK(!meaning || says_the_same(meaning->get(), written_meaning->get()));
  return true;
}

void check_frame(Bytes frame) {
  unsigned takers = 0;
  for (const Reencode reencode_one : kReencoders) {
    if (taken_as_promised(frame, reencode_one)) ++takers;
  }
  CAPSTAN_CHECK(takers <= 1);
}

/// The row gives exactly the bins that msgpack-c finds, and is well formed when nothing else is
/// there.
void check_row(Bytes body) {
  FrameRow row(body);
  std::size_t offset = 0;
  while (const auto frame = row.next()) {
    CAPSTAN_CHECK(inside(*frame, body));
    const auto object = unpack_at(body, offset);
    CAPSTAN_CHECK(object && object->get().type == msgpack::type::BIN);
    CAPSTAN_CHECK(equal(bytes_of(object->get().via.bin), *frame));
    check_frame(*frame);
  }
  CAPSTAN_CHECK(!row.next());
  CAPSTAN_CHECK(row.well_formed() == (offset == body.size()));
  if (row.well_formed()) return;
  const auto rest = unpack_at(body, offset);
  CAPSTAN_CHECK(!rest || rest->get().type != msgpack::type::BIN);
}

/// The head stays as it came, since its fields have fixed width; the rest in its shortest form.
ByteBuffer with_shortest_tail(Bytes envelope, const msgpack::object_array& fields) {
  const Bytes head = envelope.first(kEnvelopeHeadBytes);
  ByteBuffer bytes(head.begin(), head.end());
  for (std::uint32_t i = 4; i < fields.size; ++i) pack_shortest(fields.ptr[i], bytes);
  return bytes;
}

void check_envelope_by_oracle(Bytes input, bool taken) {
  const auto meaning = unpack_whole(input);
  CAPSTAN_CHECK(meaning || !taken);
  if (!meaning || meaning->get().type != msgpack::type::ARRAY) return;
  const msgpack::object_array& fields = meaning->get().via.array;
  CAPSTAN_CHECK(fields.size == 14 || !taken);
  if (input.size() < kEnvelopeHeadBytes) return;
  // Heads of other widths are refused, whatever they mean.
  if (fields.size == 14 && input[0] == 0x9e) {
    const ByteBuffer shortest = with_shortest_tail(input, fields);
    const bool fixed_head = unpack_whole(shortest).has_value();
    CAPSTAN_CHECK(!fixed_head || parse_envelope(shortest).has_value() == taken);
  }
}

void check_view(const EnvelopeView& view, const Envelope& whole, Bytes input) {
  CAPSTAN_CHECK(inside(view.event_data(), input) && inside(as_bytes(view.event_type()), input));
  CAPSTAN_CHECK(view.envelope_id() == whole.envelope_id);
  CAPSTAN_CHECK(view.created_at_ns() == whole.created_at_ns);
  CAPSTAN_CHECK(view.channel_id() == whole.channel_id && view.sender_id() == whole.sender_id);
  CAPSTAN_CHECK(view.event_type() == whole.event_type);
  CAPSTAN_CHECK(equal(view.event_data(), whole.event_data));
  CAPSTAN_CHECK(view.priority() == whole.priority && view.ttl_seconds() == whole.ttl_seconds);
  CAPSTAN_CHECK(view.has_audience() == whole.audience.has_value());
  CAPSTAN_CHECK(stamped_id(input) == whole.envelope_id);
  CAPSTAN_CHECK(stamped_channel(input) == whole.channel_id);
}

/// Both readers of envelopes agree with each other and with msgpack-c; what was read is written in
/// at most as many bytes and read again as the same; the hub's stamp changes nothing else.
void check_envelope(Bytes input) {
  const auto view = parse_envelope(input);
  const auto whole = decode_envelope(input);
  CAPSTAN_CHECK(view.has_value() == whole.ok());
  check_envelope_by_oracle(input, view.has_value());
  if (!view) return;
  check_view(*view, *whole, input);
  ByteBuffer written;
  encode_envelope(*whole, written);
  CAPSTAN_CHECK(written.size() <= input.size());
  const auto again = decode_envelope(written);
  CAPSTAN_CHECK(again && *again == *whole);
  ByteBuffer stamped(input.begin(), input.end());
  stamp_envelope(stamped.data(), whole->envelope_id, whole->created_at_ns, whole->channel_id,
                 whole->sender_id);
  CAPSTAN_CHECK(equal(stamped, input));
}

void check_params(Bytes input) {
  const auto params = decode_params(input);
  if (!params) return;
  const auto again = decode_params(encode_params(*params));
  CAPSTAN_CHECK(again && *again == *params);
}

void check_text_event(Bytes input) {
  const auto text = decode_text_event(input);
  if (!text) return;
  const auto again = decode_text_event(encode_text_event(*text));
  CAPSTAN_CHECK(again && *again == *text);
}

/// What an agent says about itself is taken or refused by all readers alike, and a passport without
/// its secret has none to lose.
void check_profile(Bytes input) {
  const auto kept = without_claim(input);
  CAPSTAN_CHECK(kept.ok() == check_document(input).ok());
  (void)claims_capability(input, "a");
  if (!kept) return;
  CAPSTAN_CHECK(kept->size() <= input.size());
  const auto again = without_claim(*kept);
  CAPSTAN_CHECK(again && *again == *kept);
}

}  // namespace

void run_one(Bytes input) {
  check_row(input);
  check_frame(input);
  check_envelope(input);
  check_params(input);
  check_text_event(input);
  check_profile(input);
}

}  // namespace capstan::fuzz
