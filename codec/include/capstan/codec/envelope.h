// One message: AG2's fourteen fields, and their compact form. PROTOCOL.md §4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/ids.h"
#include "capstan/base/result.h"

namespace capstan {

enum class Priority : std::uint8_t { kBackground = 0, kNormal = 1, kUrgent = 2 };
inline constexpr std::size_t kPriorityCount = 3;

inline constexpr std::string_view kEventText = "ag2.msg.text";

/// An envelope that owns its fields: for clients, tools and tests. The hub never makes one.
struct Envelope {
  EnvelopeId envelope_id;           ///< Stamped by the hub.
  std::uint64_t created_at_ns = 0;  ///< Stamped by the hub: wall clock, ns since 1970.
  ChannelId channel_id;
  AgentId sender_id;                             ///< Checked by the hub against the session.
  std::optional<std::vector<AgentId>> audience;  ///< Empty: all other participants.
  std::string event_type{kEventText};
  ByteBuffer event_data;  ///< A msgpack map, opaque to the hub.
  Priority priority = Priority::kNormal;
  std::uint32_t depth = 0;
  std::optional<std::uint32_t> ttl_seconds;
  std::optional<std::string> task_id;
  std::optional<std::string> causation_id;
  std::optional<std::string> trace_id;
  std::optional<std::string> idempotency_key;

  bool operator==(const Envelope&) const = default;
};

// The compact form is an array of 14. It begins with the four fields that the hub stamps or checks,
// each in fixed width, so that the hub writes 64 bytes and copies the rest as it came:
//
//   9e | c4 10 envelope_id[16] | cf created_at_ns[8] | c4 10 channel_id[16] | c4 10 sender_id[16]
inline constexpr std::size_t kEnvelopeHeadBytes = 1 + 18 + 9 + 18 + 18;
/// Where its fields stand: 16 bytes of each id, and a big-endian uint64.
inline constexpr std::size_t kEnvelopeIdOffset = 3;
inline constexpr std::size_t kEnvelopeCreatedOffset = 20;
inline constexpr std::size_t kEnvelopeChannelOffset = 30;
inline constexpr std::size_t kEnvelopeSenderOffset = 48;
static_assert(kEnvelopeSenderOffset + 16 == kEnvelopeHeadBytes);

/// Offsets into a compact envelope that parse_envelope() has checked; the bytes stay with their
/// owner.
class EnvelopeView {
 public:
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] EnvelopeId envelope_id() const { return EnvelopeId::from_bytes(at(3)); }
  [[nodiscard]] std::uint64_t created_at_ns() const;
  [[nodiscard]] ChannelId channel_id() const { return ChannelId::from_bytes(at(30)); }
  [[nodiscard]] AgentId sender_id() const { return AgentId::from_bytes(at(48)); }
  [[nodiscard]] bool has_audience() const { return has_audience_; }
  [[nodiscard]] std::string_view event_type() const { return as_text(event_type_); }
  [[nodiscard]] Bytes event_data() const { return event_data_; }
  [[nodiscard]] Priority priority() const { return priority_; }
  [[nodiscard]] std::optional<std::uint32_t> ttl_seconds() const { return ttl_seconds_; }
  /// Empty when there is none.
  [[nodiscard]] Bytes idempotency_key() const { return idempotency_key_; }

 private:
  friend std::optional<EnvelopeView> parse_envelope(Bytes);
  [[nodiscard]] const std::uint8_t* at(std::size_t offset) const { return bytes_.data() + offset; }

  Bytes bytes_;
  Bytes event_type_;
  Bytes event_data_;
  Bytes idempotency_key_;
  bool has_audience_ = false;
  Priority priority_ = Priority::kNormal;
  std::optional<std::uint32_t> ttl_seconds_;
};

/// Checks a compact envelope whole: shape, types, limits, nothing behind it. Allocates nothing.
/// Errors: empty when malformed or over a limit.
[[nodiscard]] std::optional<EnvelopeView> parse_envelope(Bytes bytes);

/// Writes the head of a compact envelope over the first kEnvelopeHeadBytes of `to`.
void stamp_envelope(std::uint8_t* to, const EnvelopeId& id, std::uint64_t created_at_ns,
                    const ChannelId& channel, const AgentId& sender);

/// Fields of a head that stamp_envelope() wrote; `envelope` has at least kEnvelopeHeadBytes.
[[nodiscard]] inline EnvelopeId stamped_id(Bytes envelope) {
  return EnvelopeId::from_bytes(envelope.data() + 3);
}
[[nodiscard]] inline ChannelId stamped_channel(Bytes envelope) {
  return ChannelId::from_bytes(envelope.data() + 30);
}
[[nodiscard]] inline AgentId stamped_sender(Bytes envelope) {
  return AgentId::from_bytes(envelope.data() + 48);
}

/// Appends the compact form.
void encode_envelope(const Envelope& envelope, ByteBuffer& to);

/// Errors: kMalformedFrame.
[[nodiscard]] Result<Envelope> decode_envelope(Bytes bytes);

/// `event_data` of EV_TEXT: {"text": text}.
[[nodiscard]] ByteBuffer encode_text_event(std::string_view text);

/// The "text" of an `event_data` map. Errors: kMalformedFrame when there is none.
[[nodiscard]] Result<std::string> decode_text_event(Bytes event_data);

}  // namespace capstan
