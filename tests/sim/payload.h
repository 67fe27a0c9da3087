// Envelopes that carry their own identity, so that the auditor knows each one wherever it turns up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "capstan/codec/envelope.h"

namespace capstan::sim {

/// Names one posting; from 1.
using Tag = std::uint64_t;

/// `event_data` for a tag: the tag and `filler_bytes` more.
[[nodiscard]] ByteBuffer make_payload(Tag tag, std::size_t filler_bytes);
/// Empty when the bytes are nobody's payload.
[[nodiscard]] std::optional<Tag> tag_of(Bytes payload);

/// A compact envelope for `channel`; a zero `sender` is filled in by the hub.
/// What a post asks for beside its way.
struct Wishes {
  Priority priority = Priority::kNormal;
  std::optional<std::uint32_t> ttl_seconds;
  std::string idempotency_key;  ///< Empty: none.
};

void append_envelope(ByteBuffer& to, const ChannelId& channel, const AgentId& sender,
                     const ByteBuffer& payload, const Wishes& wishes = {});

}  // namespace capstan::sim
