#include "payload.h"

#include "capstan/base/cursor.h"

namespace capstan::sim {

namespace {

constexpr std::uint64_t kMagic = 0x43415053'54414E31ULL;

}  // namespace

ByteBuffer make_payload(Tag tag, std::size_t filler_bytes) {
  ByteBuffer payload;
  append_u64_le(payload, kMagic);
  append_u64_le(payload, tag);
  payload.resize(payload.size() + filler_bytes, static_cast<std::uint8_t>(tag));
  return payload;
}

std::optional<Tag> tag_of(Bytes payload) {
  Cursor in(payload);
  if (in.u64_le() != kMagic) return std::nullopt;
  const Tag tag = in.u64_le();
  return in.ok() ? std::optional(tag) : std::nullopt;
}

void append_envelope(ByteBuffer& to, const ChannelId& channel, const AgentId& sender,
                     const ByteBuffer& payload, const Wishes& wishes) {
  Envelope envelope;
  envelope.channel_id = channel;
  envelope.sender_id = sender;
  envelope.event_data = payload;
  envelope.priority = wishes.priority;
  envelope.ttl_seconds = wishes.ttl_seconds;
  if (!wishes.idempotency_key.empty()) envelope.idempotency_key = wishes.idempotency_key;
  encode_envelope(envelope, to);
}

}  // namespace capstan::sim
