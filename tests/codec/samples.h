// One of each: frames, envelopes and ids that the codec's tests share.
#pragma once

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"

namespace capstan::codec_test {

/// An id whose bytes are first, first + 1, …
template <typename AnyId>
AnyId id_from(std::uint8_t first) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = first++;
  return AnyId{AnyId::from_bytes(bytes.data())};
}

/// Every field set.
inline Envelope full_envelope() {
  Envelope envelope;
  envelope.envelope_id = id_from<EnvelopeId>(0x01);
  envelope.created_at_ns = 0x1122334455667788ULL;
  envelope.channel_id = id_from<ChannelId>(0x21);
  envelope.sender_id = id_from<AgentId>(0x41);
  envelope.audience = {{id_from<AgentId>(0x61), id_from<AgentId>(0x81)}};
  envelope.event_type = "ag2.msg.text";
  envelope.event_data = encode_text_event("hello");
  envelope.priority = Priority::kUrgent;
  envelope.depth = 70'000;
  envelope.ttl_seconds = 3600;
  envelope.task_id = "00112233445566778899aabbccddeeff";
  envelope.causation_id = "not-hexadecimal";
  envelope.trace_id = "trace-1";
  envelope.idempotency_key = "order-17";
  return envelope;
}

/// Only what must be there.
inline Envelope small_envelope() {
  Envelope envelope;
  envelope.channel_id = id_from<ChannelId>(0x21);
  return envelope;
}

inline ByteBuffer encoded(const Envelope& envelope) {
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  return bytes;
}

/// The bytes of one frame, without the bin around it.
template <typename Frame>
ByteBuffer frame_bytes(const Frame& frame) {
  BodyWriter writer;
  writer.write(frame);
  const ByteBuffer body = writer.take();
  FrameRow row(body);
  const auto bytes = row.next();
  if (!bytes) {
    ADD_FAILURE() << "the writer's body is no row of bins";
    return {};
  }
  return {bytes->begin(), bytes->end()};
}

inline Hello sample_hello() { return {1, 2, {"lists", "zstd"}, "capstan/0.1"}; }

inline Welcome sample_welcome() {
  return {1,
          0,
          {"lists"},
          id_from<BootId>(0xa0),
          1 << 20,
          4 << 20,
          {16'384, 1 << 22},
          2000,
          10'000,
          {"get_agent", "status"}};
}

inline Attach sample_attach() {
  return {7,
          3,
          "bob",
          AttachMode::kReceive,
          {Since::Kind::kAfter, id_from<EnvelopeId>(0x10)},
          1000,
          1 << 20,
          0xfeedfacecafebeefULL,
          42};
}

inline Accept sample_accept() {
  return {3, 1000, 200, id_from<EnvelopeId>(0x30), {16'384, 1 << 22}};
}

inline Receipt sample_ack() { return {3, ReceiptKind::kAck, 0, id_from<EnvelopeId>(0x30), 500}; }

inline ErrorFrame sample_error() {
  return {3, FrameType::kSend, 17, ErrorCode::kInboxFull, "the inbox of bob is full"};
}

inline Pong sample_pong() { return {99, {{1, Position{5}}, {300, Position{70'000}}}}; }

inline Subscribe sample_subscribe() {
  return {9, std::string(kPresenceTopic), id_from<BootId>(0x40), 4711};
}

inline Presence sample_presence() {
  return {true,
          70'000,
          true,
          {{id_from<AgentId>(0x10), "bob", PresenceState::kOnline, 1'771'000'000'123'456'789},
           {id_from<AgentId>(0x20), "carol", PresenceState::kRemoved, 0}}};
}

inline Request sample_request() { return {8, "get_agent", {0x80}}; }

inline Response sample_response() { return {8, ErrorCode::kNotFound, "no such agent", {0x80}}; }

/// The bytes of one frame of every type that is on the wire.
inline std::vector<std::pair<std::string, ByteBuffer>> sample_frames() {
  const ByteBuffer envelope = encoded(full_envelope());
  return {{"hello", frame_bytes(sample_hello())},
          {"welcome", frame_bytes(sample_welcome())},
          {"attach", frame_bytes(sample_attach())},
          {"send", frame_bytes(SendView{3, 300, envelope})},
          {"accept", frame_bytes(sample_accept())},
          {"notify", frame_bytes(NotifyView{3, 70'000, 2, Position{12}, envelope})},
          {"receipt", frame_bytes(sample_ack())},
          {"error", frame_bytes(sample_error())},
          {"ping", frame_bytes(Ping{99})},
          {"pong", frame_bytes(sample_pong())},
          {"subscribe", frame_bytes(sample_subscribe())},
          {"unsubscribe", frame_bytes(Unsubscribe{10, std::string(kPresenceTopic)})},
          {"request", frame_bytes(sample_request())},
          {"response", frame_bytes(sample_response())},
          {"bye", frame_bytes(Bye{ErrorCode::kHubStopping, "the hub is stopping"})},
          {"presence", frame_bytes(sample_presence())}};
}

}  // namespace capstan::codec_test
