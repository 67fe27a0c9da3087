#include "capstan/codec/envelope.h"

#include "buffer_packer.h"
#include "capstan/base/cursor.h"
#include "capstan/codec/limits.h"
#include "capstan/codec/msgpack_cursor.h"

namespace capstan {

namespace {

namespace mp = msgpack_cursor;

constexpr std::uint8_t kHeadTemplate[kEnvelopeHeadBytes] = {
    0x9e, 0xc4, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // envelope_id
    0xcf, 0,    0,    0, 0, 0, 0, 0, 0,                                // created_at
    0xc4, 0x10, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,     // channel_id
    0xc4, 0x10, 0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};    // sender_id

bool head_has_shape(const std::uint8_t* head) {
  return head[0] == 0x9e && head[1] == 0xc4 && head[2] == 0x10 && head[19] == 0xcf &&
         head[28] == 0xc4 && head[29] == 0x10 && head[46] == 0xc4 && head[47] == 0x10;
}

bool skip_audience(Cursor& in) {
  if (mp::take_nil(in)) return false;
  const std::uint32_t count = mp::read_array(in);
  if (count > kAudienceMax) in.fail();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) (void)mp::read_id(in);
  return true;
}

Bytes read_limited_str(Cursor& in, std::size_t bytes_max) {
  const Bytes text = mp::read_str(in);
  if (text.size() > bytes_max) in.fail();
  return text;
}

/// An id of AG2: bin(16) when its text is 32 lower-case hex digits, else str; nil for none.
void skip_optional_id(Cursor& in) {
  if (mp::take_nil(in)) return;
  if (in.remaining() > 0 && *in.position() == 0xc4) {
    (void)mp::read_id(in);
    return;
  }
  (void)read_limited_str(in, kTextIdBytesMax);
}

/// Empty for nil.
Bytes read_optional_str(Cursor& in, std::size_t bytes_max) {
  return mp::take_nil(in) ? Bytes() : read_limited_str(in, bytes_max);
}

std::uint32_t read_u32(Cursor& in) {
  const std::uint64_t value = mp::read_uint(in);
  if (value > UINT32_MAX) in.fail();
  return static_cast<std::uint32_t>(value);
}

void pack_optional_id(Packer& packer, const std::optional<std::string>& id) {
  if (!id) {
    packer.pack_nil();
    return;
  }
  std::array<std::uint8_t, 16> binary{};
  if (from_hex(*id, binary)) {
    pack_bin(packer, binary);
  } else {
    pack_text(packer, *id);
  }
}

void pack_optional_text(Packer& packer, const std::optional<std::string>& text) {
  if (text) {
    pack_text(packer, *text);
  } else {
    packer.pack_nil();
  }
}

std::optional<std::string> read_optional_id(Cursor& in) {
  if (mp::take_nil(in)) return std::nullopt;
  if (in.remaining() > 0 && *in.position() == 0xc4) return to_hex(mp::read_bin(in));
  return std::string(as_text(mp::read_str(in)));
}

std::optional<std::string> read_optional_text(Cursor& in) {
  if (mp::take_nil(in)) return std::nullopt;
  return std::string(as_text(mp::read_str(in)));
}

}  // namespace

std::uint64_t EnvelopeView::created_at_ns() const {
  std::uint64_t value = 0;
  std::memcpy(&value, at(kEnvelopeCreatedOffset), sizeof value);
  return __builtin_bswap64(value);
}

std::optional<EnvelopeView> parse_envelope(Bytes bytes) {
  if (bytes.size() < kEnvelopeHeadBytes || bytes.size() > kEnvelopeBytesMax) return std::nullopt;
  if (!head_has_shape(bytes.data())) return std::nullopt;
  EnvelopeView view;
  view.bytes_ = bytes;
  Cursor in(bytes.subspan(kEnvelopeHeadBytes));
  view.has_audience_ = skip_audience(in);
  view.event_type_ = read_limited_str(in, kEventTypeBytesMax);
  view.event_data_ = mp::read_bin(in);
  const std::uint64_t priority = mp::read_uint(in);
  if (priority > static_cast<std::uint64_t>(Priority::kUrgent)) in.fail();
  view.priority_ = static_cast<Priority>(priority);
  (void)read_u32(in);  // depth
  if (!mp::take_nil(in)) view.ttl_seconds_ = read_u32(in);
  skip_optional_id(in);  // task_id
  skip_optional_id(in);  // causation_id
  (void)read_optional_str(in, kTraceIdBytesMax);
  view.idempotency_key_ = read_optional_str(in, kIdempotencyKeyBytesMax);
  if (!in.ok() || !in.at_end() || view.event_type_.empty()) return std::nullopt;
  return view;
}

void stamp_envelope(std::uint8_t* to, const EnvelopeId& id, std::uint64_t created_at_ns,
                    const ChannelId& channel, const AgentId& sender) {
  std::memcpy(to, kHeadTemplate, kEnvelopeHeadBytes);
  std::memcpy(to + kEnvelopeIdOffset, id.bytes.data(), 16);
  const std::uint64_t created_be = __builtin_bswap64(created_at_ns);
  std::memcpy(to + kEnvelopeCreatedOffset, &created_be, sizeof created_be);
  std::memcpy(to + kEnvelopeChannelOffset, channel.bytes.data(), 16);
  std::memcpy(to + kEnvelopeSenderOffset, sender.bytes.data(), 16);
}

void encode_envelope(const Envelope& envelope, ByteBuffer& to) {
  const std::size_t head = to.size();
  to.resize(head + kEnvelopeHeadBytes);
  stamp_envelope(to.data() + head, envelope.envelope_id, envelope.created_at_ns,
                 envelope.channel_id, envelope.sender_id);
  BufferStream stream(to);
  Packer packer(stream);
  if (envelope.audience) {
    packer.pack_array(static_cast<std::uint32_t>(envelope.audience->size()));
    for (const AgentId& agent : *envelope.audience) pack_bin(packer, agent.bytes);
  } else {
    packer.pack_nil();
  }
  pack_text(packer, envelope.event_type);
  pack_bin(packer, envelope.event_data);
  packer.pack_uint8(static_cast<std::uint8_t>(envelope.priority));
  packer.pack_uint32(envelope.depth);
  if (envelope.ttl_seconds) {
    packer.pack_uint32(*envelope.ttl_seconds);
  } else {
    packer.pack_nil();
  }
  pack_optional_id(packer, envelope.task_id);
  pack_optional_id(packer, envelope.causation_id);
  pack_optional_text(packer, envelope.trace_id);
  pack_optional_text(packer, envelope.idempotency_key);
}

Result<Envelope> decode_envelope(Bytes bytes) {
  const auto view = parse_envelope(bytes);
  if (!view) return {ErrorCode::kMalformedFrame, "not a compact envelope (PROTOCOL.md §4)"};
  Envelope envelope;
  envelope.envelope_id = view->envelope_id();
  envelope.created_at_ns = view->created_at_ns();
  envelope.channel_id = view->channel_id();
  envelope.sender_id = view->sender_id();
  Cursor in(bytes.subspan(kEnvelopeHeadBytes));
  if (!mp::take_nil(in)) {
    envelope.audience.emplace();
    const std::uint32_t count = mp::read_array(in);
    for (std::uint32_t i = 0; i < count; ++i) {
      envelope.audience->push_back(AgentId::from_bytes(mp::read_id(in)));
    }
  }
  envelope.event_type = as_text(mp::read_str(in));
  const Bytes data = mp::read_bin(in);
  envelope.event_data.assign(data.begin(), data.end());
  envelope.priority = static_cast<Priority>(mp::read_uint(in));
  envelope.depth = read_u32(in);
  if (!mp::take_nil(in)) envelope.ttl_seconds = read_u32(in);
  envelope.task_id = read_optional_id(in);
  envelope.causation_id = read_optional_id(in);
  envelope.trace_id = read_optional_text(in);
  envelope.idempotency_key = read_optional_text(in);
  return envelope;
}

ByteBuffer encode_text_event(std::string_view text) {
  ByteBuffer data;
  BufferStream stream(data);
  Packer packer(stream);
  packer.pack_map(1);
  pack_text(packer, "text");
  pack_text(packer, text);
  return data;
}

}  // namespace capstan
