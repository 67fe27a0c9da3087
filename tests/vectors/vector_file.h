// The files of golden vectors, and the values that they are made from.
#pragma once

#include <fstream>
#include <iostream>
#include <string>

#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/record.h"
#include "vector.h"

namespace capstan {

/// One file of vectors. What our codec would not do as promised never gets into it.
class VectorFile {
 public:
  explicit VectorFile(const std::string& path) : out_(path) { CAPSTAN_CHECK(out_.good()); }

  void valid(const std::string& name, const char* kind, const ByteBuffer& bytes) {
    write(name, kind, bytes, true);
  }
  /// Bytes that we read, but would write in another way.
  void tolerated(const std::string& name, const char* kind, const ByteBuffer& bytes) {
    write(name, kind, bytes, false);
  }
  void invalid(const std::string& name, const char* kind, const ByteBuffer& bytes,
               ErrorCode error) {
    const auto decoded = decode_vector(kind, bytes);
    if (decoded.ok() || decoded.error().code != error) std::cerr << "not so: " << name << '\n';
    CAPSTAN_CHECK(!decoded.ok() && decoded.error().code == error);
    out_ << Json{{"name", name},
                 {"kind", kind},
                 {"error", error_name(error)},
                 {"hex", to_hex(bytes)}}
         << '\n';
  }

 private:
  void write(const std::string& name, const char* kind, const ByteBuffer& bytes, bool canonical) {
    const auto decoded = decode_vector(kind, bytes);
    if (!decoded.ok()) std::cerr << name << ": " << decoded.error().text() << '\n';
    CAPSTAN_CHECK(decoded.ok() && (decoded->encoded == bytes) == canonical);
    Json line{{"name", name}, {"kind", kind}};
    if (!canonical) line["tolerated"] = true;
    line["hex"] = to_hex(bytes);
    line["fields"] = decoded->fields;
    out_ << line << '\n';
  }

  std::ofstream out_;
};

template <typename AnyId>
[[nodiscard]] AnyId id(std::uint8_t first) {
  AnyId made;
  for (std::size_t i = 0; i < 16; ++i) made.bytes[i] = static_cast<std::uint8_t>(first + i);
  return made;
}

[[nodiscard]] inline ByteBuffer raw(std::string_view hex) {
  ByteBuffer bytes(hex.size() / 2);
  CAPSTAN_CHECK(from_hex(hex, bytes));
  return bytes;
}

template <typename Frame>
[[nodiscard]] ByteBuffer body(const Frame& frame) {
  BodyWriter writer;
  writer.write(frame);
  return writer.take();
}

/// A frame given by its own bytes, in the row's bin 8 or bin 16.
[[nodiscard]] inline ByteBuffer framed(const ByteBuffer& frame) {
  ByteBuffer row;
  if (frame.size() < 256) {
    row = {0xc4, static_cast<std::uint8_t>(frame.size())};
  } else {
    CAPSTAN_CHECK(frame.size() < 65'536);
    row = {0xc5, static_cast<std::uint8_t>(frame.size() >> 8),
           static_cast<std::uint8_t>(frame.size() & 0xff)};
  }
  append(row, frame);
  return row;
}

[[nodiscard]] inline ByteBuffer compact(const Envelope& envelope) {
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  return bytes;
}

/// As a client posts it: only the channel of the head is filled in.
[[nodiscard]] inline Envelope minimal() {
  Envelope envelope;
  envelope.channel_id = id<ChannelId>(0x10);
  envelope.event_data = encode_text_event("hello");
  return envelope;
}

/// As the hub delivers it.
[[nodiscard]] inline Envelope stamped() {
  Envelope envelope = minimal();
  envelope.envelope_id = EnvelopeId::make(0x1897'0c0f'ee00'0001, 0, Sequence{42});
  envelope.created_at_ns = 1'771'000'000'123'456'789;
  envelope.sender_id = id<AgentId>(0x20);
  return envelope;
}

[[nodiscard]] inline Envelope with_everything() {
  Envelope envelope = stamped();
  envelope.audience = {id<AgentId>(0x30), id<AgentId>(0x40)};
  envelope.event_type = "shop.order.placed";
  envelope.event_data = raw("82a26964cd0929a5746f74616cca41480000");
  envelope.priority = Priority::kUrgent;
  envelope.depth = 3;
  envelope.ttl_seconds = 86'400;
  envelope.task_id = "000102030405060708090a0b0c0d0e0f";
  envelope.causation_id = "order-17/step 2";
  envelope.trace_id = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  envelope.idempotency_key = "order-17:place";
  return envelope;
}

[[nodiscard]] inline ByteBuffer joined(ByteBuffer a, const ByteBuffer& b) {
  append(a, b);
  return a;
}

template <typename Record>
[[nodiscard]] ByteBuffer recorded(const Record& record) {
  ByteBuffer bytes;
  (void)encode_record(record, bytes);
  return bytes;
}

[[nodiscard]] inline ByteBuffer marker(RecordType type) {
  ByteBuffer bytes;
  encode_marker_record(type, bytes);
  return bytes;
}

[[nodiscard]] inline AgentRecord agent_record() {
  AgentRecord agent;
  agent.id = id<AgentId>(0x10);
  agent.name = "bob";
  for (std::size_t i = 0; i < agent.key.size(); ++i) agent.key[i] = static_cast<std::uint8_t>(i);
  agent.version = 2;
  agent.created_at_ns = 1'771'000'000'123'456'789;
  agent.updated_at_ns = 1'771'000'001'000'000'000;
  agent.registered_at_ns = agent.updated_at_ns;
  agent.profile.passport = raw("81a46b696e64a56167656e74");      // {"kind": "agent"}
  agent.profile.resume = raw("81a773756d6d617279a5626f6c7473");  // {"summary": "bolts"}
  agent.profile.skill = "---\nname: bob\n---\n";
  agent.profile.rule = raw("81a776657273696f6e01");  // {"version": 1}
  return agent;
}

// write_invalid.cc
void write_invalid_vectors(VectorFile& file);

}  // namespace capstan
