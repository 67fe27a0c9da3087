// Writing body parts, and walking the row of frames in one.
#include <array>

#include "buffer_packer.h"
#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/msgpack_cursor.h"

namespace capstan {

namespace {

constexpr std::size_t kBin32HeaderBytes = 5;

void pack_texts(Packer& packer, const std::vector<std::string>& texts) {
  packer.pack_array(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) pack_text(packer, text);
}

}  // namespace

/// The fields of a fast-path frame in front of its envelope, put together in place: the same bytes
/// that msgpack-c would write, without its call per field.
class FrameHeader {
 public:
  FrameHeader(FrameType type, std::uint8_t field_count) {
    put(0xc6);
    size_ += 4;  // The frame's length, written by finish().
    put(static_cast<std::uint8_t>(0x90 | (field_count + 1)));
    put(static_cast<std::uint8_t>(type));
  }

  void add_nil() { put(0xc0); }

  void add_uint(std::uint64_t value) {
    if (value < 0x80) {
      put(static_cast<std::uint8_t>(value));
    } else if (value <= UINT8_MAX) {
      put(0xcc);
      put(static_cast<std::uint8_t>(value));
    } else if (value <= UINT16_MAX) {
      put(0xcd);
      put_be(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    } else if (value <= UINT32_MAX) {
      put(0xce);
      put_be(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    } else {
      put(0xcf);
      put_be(__builtin_bswap64(value));
    }
  }

  void add_bin(std::size_t length) {
    if (length <= UINT8_MAX) {
      put(0xc4);
      put(static_cast<std::uint8_t>(length));
    } else if (length <= UINT16_MAX) {
      put(0xc5);
      put_be(__builtin_bswap16(static_cast<std::uint16_t>(length)));
    } else {
      put(0xc6);
      put_be(__builtin_bswap32(static_cast<std::uint32_t>(length)));
    }
  }

  /// The header of a frame whose last `tail_bytes` follow it.
  [[nodiscard]] Bytes finish(std::size_t tail_bytes) {
    const std::uint32_t length =
        __builtin_bswap32(static_cast<std::uint32_t>(size_ - kBin32HeaderBytes + tail_bytes));
    std::memcpy(bytes_.data() + 1, &length, sizeof length);
    return {bytes_.data(), size_};
  }

 private:
  void put(std::uint8_t byte) { bytes_[size_++] = byte; }
  template <typename Unsigned>
  void put_be(Unsigned value) {
    std::memcpy(bytes_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }

  // The longest: bin header, array, type, four numbers, bin header.
  std::array<std::uint8_t, kBin32HeaderBytes + 2 + 4 * 9 + 5> bytes_{};
  std::size_t size_ = 0;
};

std::optional<Bytes> FrameRow::next() {
  if (in_.at_end() || !in_.ok()) return std::nullopt;
  const Bytes frame = msgpack_cursor::read_bin(in_);
  if (!in_.ok()) return std::nullopt;
  return frame;
}

std::optional<std::uint8_t> peek_type(Bytes frame) {
  Cursor in(frame);
  if (msgpack_cursor::read_array(in) == 0) return std::nullopt;
  const std::uint64_t type = msgpack_cursor::read_uint(in);
  if (!in.ok() || type > UINT8_MAX) return std::nullopt;
  return static_cast<std::uint8_t>(type);
}

std::optional<std::uint64_t> peek_request_id(Bytes frame) {
  Cursor in(frame);
  if (msgpack_cursor::read_array(in) < 2) return std::nullopt;
  const std::uint64_t type = msgpack_cursor::read_uint(in);
  const std::uint64_t request_id = msgpack_cursor::read_uint(in);
  if (!in.ok() || type != static_cast<std::uint64_t>(FrameType::kRequest)) return std::nullopt;
  return request_id;
}

template <typename WriteFields>
void BodyWriter::frame(FrameType type, std::uint32_t field_count, WriteFields write_fields) {
  reserve();
  const std::size_t begin = body_.size();
  constexpr std::uint8_t kBin32[kBin32HeaderBytes] = {0xc6, 0, 0, 0, 0};
  append(body_, kBin32);
  BufferStream stream(body_);
  Packer packer(stream);
  packer.pack_array(field_count + 1);
  packer.pack_uint8(static_cast<std::uint8_t>(type));
  write_fields(packer);
  const std::uint32_t length_be =
      __builtin_bswap32(static_cast<std::uint32_t>(body_.size() - begin - kBin32HeaderBytes));
  std::memcpy(body_.data() + begin + 1, &length_be, sizeof length_be);
}

void BodyWriter::write(const Hello& hello) {
  frame(FrameType::kHello, 4, [&](Packer& p) {
    p.pack_uint32(hello.version_major);
    p.pack_uint32(hello.version_minor);
    pack_texts(p, hello.features);
    pack_text(p, hello.client);
  });
}

void BodyWriter::write(const Welcome& welcome) {
  frame(FrameType::kWelcome, 11, [&](Packer& p) {
    p.pack_uint32(welcome.version_major);
    p.pack_uint32(welcome.version_minor);
    pack_texts(p, welcome.features);
    pack_bin(p, welcome.boot.bytes);
    p.pack_uint64(welcome.envelope_bytes_max);
    p.pack_uint64(welcome.batch_bytes_max);
    p.pack_uint64(welcome.window.envelopes);
    p.pack_uint64(welcome.window.bytes);
    p.pack_uint32(welcome.heartbeat_ms);
    p.pack_uint32(welcome.lease_ms);
    pack_texts(p, welcome.operations);
  });
}

void BodyWriter::write(const Attach& attach) {
  frame(FrameType::kAttach, 9, [&](Packer& p) {
    p.pack_uint64(attach.request_id);
    p.pack_uint32(attach.session);
    pack_text(p, attach.agent);
    p.pack_uint8(static_cast<std::uint8_t>(attach.mode));
    switch (attach.since.kind) {
      case Since::Kind::kNothing:
        p.pack_nil();
        break;
      case Since::Kind::kAll:
        pack_text(p, "");
        break;
      case Since::Kind::kAfter:
        pack_bin(p, attach.since.after.bytes);
        break;
    }
    p.pack_uint64(attach.credit_until);
    p.pack_uint64(attach.credit_bytes);
    p.pack_uint64(attach.epoch);
    p.pack_uint64(attach.first_number);
  });
}

void BodyWriter::write(const SendView& send) {
  FrameHeader header(FrameType::kSend, 3);
  header.add_uint(send.session);
  header.add_uint(send.number);
  if (send.envelope.empty()) {
    header.add_nil();
  } else {
    header.add_bin(send.envelope.size());
  }
  append_frame(header, send.envelope);
}

void BodyWriter::write(const Accept& accept) {
  frame(FrameType::kAccept, 6, [&](Packer& p) {
    p.pack_uint32(accept.session);
    p.pack_uint64(accept.first_number);
    p.pack_uint64(accept.count);
    pack_bin(p, accept.first_id.bytes);
    p.pack_uint64(accept.window.envelopes);
    p.pack_uint64(accept.window.bytes);
  });
}

void BodyWriter::write(const NotifyView& notify) {
  FrameHeader header(FrameType::kNotify, 5);
  header.add_uint(notify.session);
  header.add_uint(notify.delivery);
  header.add_uint(notify.attempt);
  header.add_uint(notify.position.value);
  header.add_bin(notify.envelope.size());
  append_frame(header, notify.envelope);
}

void BodyWriter::write(const Receipt& receipt) {
  const bool nack = receipt.kind == ReceiptKind::kNack;
  frame(FrameType::kReceipt, nack ? 6 : 4, [&](Packer& p) {
    p.pack_uint32(receipt.session);
    p.pack_uint8(static_cast<std::uint8_t>(receipt.kind));
    switch (receipt.kind) {
      case ReceiptKind::kCredit:
        p.pack_nil();
        break;
      case ReceiptKind::kAck:
        pack_bin(p, receipt.envelope_id.bytes);
        break;
      case ReceiptKind::kAckUpTo:
      case ReceiptKind::kNack:
      case ReceiptKind::kWorking:
        p.pack_uint64(receipt.delivery);
        break;
    }
    p.pack_uint64(receipt.credit_until);
    if (!nack) return;
    p.pack_uint32(receipt.delay_ms);
    pack_text(p, receipt.reason);
  });
}

void BodyWriter::write(const ErrorFrame& error) {
  frame(FrameType::kError, 5, [&](Packer& p) {
    p.pack_uint32(error.session);
    p.pack_uint8(static_cast<std::uint8_t>(error.about));
    p.pack_uint64(error.reference);
    p.pack_uint8(static_cast<std::uint8_t>(error.code));
    pack_text(p, error.message);
  });
}

void BodyWriter::write(const Ping& ping) {
  frame(FrameType::kPing, 1, [&](Packer& p) { p.pack_uint64(ping.nonce); });
}

void BodyWriter::write(const Pong& pong) {
  frame(FrameType::kPong, 2, [&](Packer& p) {
    p.pack_uint64(pong.nonce);
    p.pack_array(static_cast<std::uint32_t>(pong.cursors.size()));
    for (const auto& [session, position] : pong.cursors) {
      p.pack_array(2);
      p.pack_uint32(session);
      p.pack_uint64(position.value);
    }
  });
}

void BodyWriter::write(const Request& request) {
  frame(FrameType::kRequest, 3, [&](Packer& p) {
    p.pack_uint64(request.request_id);
    pack_text(p, request.operation);
    pack_bin(p, request.params);
  });
}

void BodyWriter::write(const Response& response) {
  frame(FrameType::kResponse, 4, [&](Packer& p) {
    p.pack_uint64(response.request_id);
    p.pack_uint8(static_cast<std::uint8_t>(response.code));
    pack_text(p, response.message);
    pack_bin(p, response.result);
  });
}

void BodyWriter::write(const Bye& bye) {
  frame(FrameType::kBye, 3, [&](Packer& p) {
    p.pack_uint8(static_cast<std::uint8_t>(bye.code));
    pack_text(p, bye.message);
    p.pack_uint32(bye.session);
  });
}

void BodyWriter::write(const Subscribe& subscribe) {
  frame(FrameType::kSubscribe, 4, [&](Packer& p) {
    p.pack_uint64(subscribe.request_id);
    pack_text(p, subscribe.topic);
    pack_bin(p, subscribe.boot.bytes);
    p.pack_uint64(subscribe.version);
  });
}

void BodyWriter::write(const Unsubscribe& unsubscribe) {
  frame(FrameType::kUnsubscribe, 2, [&](Packer& p) {
    p.pack_uint64(unsubscribe.request_id);
    pack_text(p, unsubscribe.topic);
  });
}

void BodyWriter::write(const Presence& presence) {
  frame(FrameType::kPresence, 4, [&](Packer& p) {
    p.pack_uint8(presence.snapshot ? 1 : 0);
    p.pack_uint64(presence.version);
    p.pack_uint8(presence.more ? 1 : 0);
    p.pack_array(static_cast<std::uint32_t>(presence.agents.size()));
    for (const AgentPresence& agent : presence.agents) {
      p.pack_array(4);
      pack_bin(p, agent.agent.bytes);
      pack_text(p, agent.name);
      p.pack_uint8(static_cast<std::uint8_t>(agent.state));
      p.pack_uint64(agent.since_ns);
    }
  });
}

void BodyWriter::append_frame(FrameHeader& header, Bytes tail) {
  reserve();
  append(body_, header.finish(tail.size()));
  append(body_, tail);
}

void BodyWriter::reserve() {
  if (body_.capacity() == 0) body_.reserve(last_size_ + last_size_ / 8);
}

ByteBuffer BodyWriter::take() {
  ByteBuffer body;
  body.swap(body_);
  last_size_ = body.size();
  return body;
}

}  // namespace capstan
