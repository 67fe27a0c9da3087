// Envelopes that carry their own identity, so that the auditor knows each one wherever it turns up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "capstan/codec/envelope.h"

namespace capstan::sim {

/// Names one posting; from 1.
using Tag = std::uint64_t;

/// `event_data` for a tag: the tag and `filler_bytes` more.
[[nodiscard]] ByteBuffer make_payload(Tag tag, std::size_t filler_bytes);
/// Empty when the bytes are nobody's payload.
[[nodiscard]] std::optional<Tag> tag_of(Bytes payload);

/// A compact envelope for `channel`; a zero `sender` is filled in by the hub.
void append_envelope(ByteBuffer& to, const ChannelId& channel, const AgentId& sender,
                     const ByteBuffer& payload);

}  // namespace capstan::sim
