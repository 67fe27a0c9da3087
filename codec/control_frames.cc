// The frames that msgpack-c parses. PROTOCOL.md §5.
#include <array>

#include "capstan/codec/compact.h"
#include "msgpack_parse.h"

namespace capstan {

namespace {

/// Reads the fields of a frame one after the other; a wrong type or a missing field fails it.
class Fields {
 public:
  explicit Fields(const msgpack::object& frame) : fields_(frame.via.array) {}

  [[nodiscard]] bool ok() const { return ok_; }

  std::uint64_t number() {
    const msgpack::object* field = next(msgpack::type::POSITIVE_INTEGER);
    return field == nullptr ? 0 : field->via.u64;
  }

  template <typename Unsigned>
  Unsigned small() {
    const std::uint64_t value = number();
    if (value > std::numeric_limits<Unsigned>::max()) ok_ = false;
    return static_cast<Unsigned>(value);
  }

  std::string text() {
    const msgpack::object* field = next(msgpack::type::STR);
    return field == nullptr ? std::string() : std::string(field->via.str.ptr, field->via.str.size);
  }

  ByteBuffer bin() {
    const msgpack::object* field = next(msgpack::type::BIN);
    if (field == nullptr) return {};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(field->via.bin.ptr);
    return {bytes, bytes + field->via.bin.size};
  }

  template <typename AnyId>
  AnyId id() {
    const ByteBuffer bytes = bin();
    if (bytes.size() != 16) {
      ok_ = false;
      return {};
    }
    return AnyId{AnyId::from_bytes(bytes.data())};
  }

  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    const msgpack::object* field = next(msgpack::type::ARRAY);
    if (field == nullptr) return texts;
    Fields inner(*field);
    while (inner.ok() && !inner.at_end()) texts.push_back(inner.text());
    if (!inner.ok()) ok_ = false;
    return texts;
  }

  std::vector<std::pair<SessionId, Position>> cursors() {
    std::vector<std::pair<SessionId, Position>> cursors;
    const msgpack::object* field = next(msgpack::type::ARRAY);
    if (field == nullptr) return cursors;
    const msgpack::object_array& pairs = field->via.array;
    for (std::uint32_t i = 0; i < pairs.size && ok_; ++i) {
      if (pairs.ptr[i].type != msgpack::type::ARRAY) {
        ok_ = false;
        break;
      }
      Fields pair(pairs.ptr[i]);
      const auto session = pair.small<SessionId>();
      cursors.emplace_back(session, Position{pair.number()});
      if (!pair.ok()) ok_ = false;
    }
    return cursors;
  }

  std::vector<AgentPresence> presences() {
    std::vector<AgentPresence> agents;
    const msgpack::object* field = next(msgpack::type::ARRAY);
    if (field == nullptr) return agents;
    const msgpack::object_array& entries = field->via.array;
    for (std::uint32_t i = 0; i < entries.size && ok_; ++i) {
      if (entries.ptr[i].type != msgpack::type::ARRAY) {
        ok_ = false;
        break;
      }
      Fields entry(entries.ptr[i]);
      agents.push_back({entry.id<AgentId>(), entry.text(), entry.state(), entry.number()});
      if (!entry.ok()) ok_ = false;
    }
    return agents;
  }

  bool flag() {
    const std::uint64_t value = number();
    if (value > 1) ok_ = false;
    return value == 1;
  }

  PresenceState state() {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(PresenceState::kRemoved)) ok_ = false;
    return static_cast<PresenceState>(value);
  }

  /// nil, "" or an envelope id.
  Since since() {
    if (at_ >= fields_.size) {
      ok_ = false;
      return {};
    }
    const msgpack::object& field = fields_.ptr[at_];
    if (field.type == msgpack::type::NIL) {
      ++at_;
      return {Since::Kind::kNothing, {}};
    }
    if (field.type == msgpack::type::STR) {
      if (!text().empty()) ok_ = false;
      return {Since::Kind::kAll, {}};
    }
    return {Since::Kind::kAfter, id<EnvelopeId>()};
  }

  ErrorCode code() {
    // A newer hub may have codes that we do not know; the message still says what happened.
    const std::uint64_t value = number();
    return error_from_number(value).value_or(ErrorCode::kUnavailable);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ == fields_.size; }

  const msgpack::object* next(msgpack::type::object_type type) {
    if (at_ >= fields_.size || fields_.ptr[at_].type != type) {
      ok_ = false;
      return nullptr;
    }
    return &fields_.ptr[at_++];
  }

  msgpack::object_array fields_;
  std::uint32_t at_ = 0;
  bool ok_ = true;
};

// One function a frame; braces evaluate from left to right, in the order of the wire.
Hello read_hello(Fields& f) {
  return {f.small<std::uint32_t>(), f.small<std::uint32_t>(), f.texts(), f.text()};
}

Welcome read_welcome(Fields& f) {
  return {f.small<std::uint32_t>(),
          f.small<std::uint32_t>(),
          f.texts(),
          f.id<BootId>(),
          f.number(),
          f.number(),
          SendWindow{f.number(), f.number()},
          f.small<std::uint32_t>(),
          f.small<std::uint32_t>(),
          f.texts()};
}

AttachMode read_mode(Fields& f, bool& known) {
  const std::uint64_t mode = f.number();
  known = mode <= static_cast<std::uint64_t>(AttachMode::kReceive);
  return static_cast<AttachMode>(mode);
}

Attach read_attach(Fields& f, bool& known) {
  return {f.number(), f.small<SessionId>(), f.text(),   read_mode(f, known), f.since(),
          f.number(), f.number(),           f.number(), f.number()};
}

ErrorFrame read_error(Fields& f) {
  return {f.small<SessionId>(), static_cast<FrameType>(f.small<std::uint8_t>()), f.number(),
          f.code(), f.text()};
}

Pong read_pong(Fields& f) { return {f.number(), f.cursors()}; }

Request read_request(Fields& f) { return {f.number(), f.text(), f.bin()}; }

Response read_response(Fields& f) { return {f.number(), f.code(), f.text(), f.bin()}; }

Bye read_bye(Fields& f) { return {f.code(), f.text(), f.small<SessionId>()}; }

Subscribe read_subscribe(Fields& f) { return {f.number(), f.text(), f.id<BootId>(), f.number()}; }

Unsubscribe read_unsubscribe(Fields& f) { return {f.number(), f.text()}; }

Presence read_presence(Fields& f) { return {f.flag(), f.number(), f.flag(), f.presences()}; }

}  // namespace

Result<ControlFrame> decode_control(Bytes frame) {
  const auto handle = parse_msgpack(frame);
  if (!handle || handle->get().type != msgpack::type::ARRAY) {
    return {ErrorCode::kMalformedFrame, "a frame is a msgpack array within the limits"};
  }
  Fields fields(handle->get());
  const auto type = fields.small<std::uint8_t>();
  if (!fields.ok()) return {ErrorCode::kMalformedFrame, "a frame begins with its type number"};
  bool known = true;
  ControlFrame control;
  switch (static_cast<FrameType>(type)) {
    case FrameType::kHello:
      control = read_hello(fields);
      break;
    case FrameType::kWelcome:
      control = read_welcome(fields);
      break;
    case FrameType::kAttach:
      control = read_attach(fields, known);
      break;
    case FrameType::kError:
      control = read_error(fields);
      break;
    case FrameType::kPing:
      control = Ping{fields.number()};
      break;
    case FrameType::kPong:
      control = read_pong(fields);
      break;
    case FrameType::kRequest:
      control = read_request(fields);
      break;
    case FrameType::kResponse:
      control = read_response(fields);
      break;
    case FrameType::kBye:
      control = read_bye(fields);
      break;
    case FrameType::kSubscribe:
      control = read_subscribe(fields);
      break;
    case FrameType::kUnsubscribe:
      control = read_unsubscribe(fields);
      break;
    case FrameType::kPresence:
      control = read_presence(fields);
      break;
    default:
      return {ErrorCode::kUnknownFrame,
              "frame type " + std::to_string(type) + " is not a control frame of version 1"};
  }
  if (!fields.ok() || !known) {
    return {ErrorCode::kMalformedFrame,
            "frame type " + std::to_string(type) + " has missing or wrong fields (PROTOCOL.md §5)"};
  }
  return control;
}

}  // namespace capstan
