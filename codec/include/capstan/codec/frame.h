// The frames of the wire as plain structs. PROTOCOL.md §5 gives each one's fields in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/error.h"
#include "capstan/base/ids.h"

namespace capstan {

enum class FrameType : std::uint8_t {
  kNone = 0,  ///< On the wire only as `about` of an error that answers no frame.
  kHello = 1,
  kWelcome = 2,
  kAttach = 3,
  kSend = 4,
  kAccept = 5,
  kNotify = 6,
  kReceipt = 7,
  kError = 8,
  kPing = 9,
  kPong = 10,
  kSubscribe = 11,
  kUnsubscribe = 12,
  kRequest = 13,
  kResponse = 14,
  kBye = 15,
  kPresence = 16,
};

/// Chosen by the client, unique on its connection; 0 means the connection itself.
using SessionId = std::uint32_t;

/// How much a sender may have unaccepted, per session.
struct SendWindow {
  std::uint64_t envelopes = 0;
  std::uint64_t bytes = 0;  ///< Of compact envelopes.
  bool operator==(const SendWindow&) const = default;
};

struct Hello {
  std::uint32_t version_major = 0;
  std::uint32_t version_minor = 0;
  std::vector<std::string> features;
  std::string client;  ///< For logs: program and version.
  bool operator==(const Hello&) const = default;
};

struct Welcome {
  std::uint32_t version_major = 0;
  std::uint32_t version_minor = 0;
  std::vector<std::string> features;
  BootId boot;
  std::uint64_t envelope_bytes_max = 0;
  std::uint64_t batch_bytes_max = 0;
  SendWindow window;
  std::uint32_t heartbeat_ms = 0;  ///< A client pings at least this often.
  std::uint32_t lease_ms = 0;      ///< Silence of this length ends the connection's sessions.
  std::vector<std::string> operations;
  bool operator==(const Welcome&) const = default;
};

enum class AttachMode : std::uint8_t { kPost = 0, kReceive = 1 };

/// Where a receiving session begins: nil, "" or an id on the wire.
struct Since {
  enum class Kind : std::uint8_t { kNothing, kAll, kAfter };
  Kind kind = Kind::kAll;
  EnvelopeId after;  ///< With kAfter.
  bool operator==(const Since&) const = default;
};

/// Binds one agent on the connection; answered by a response with `request_id`, whose result is the
/// map {"agent_id": bin 16, "floor": uint}: numbers up to `floor` of this epoch are settled.
struct Attach {
  std::uint64_t request_id = 0;
  SessionId session = 0;
  std::string agent;
  AttachMode mode = AttachMode::kPost;
  Since since;
  std::uint64_t credit_until = 0;  ///< Highest delivery number that the hub may send.
  std::uint64_t credit_bytes = 0;  ///< Bytes of envelopes that may be unacknowledged.
  std::uint64_t epoch = 0;         ///< Random, one per client life: names the series of numbers.
  std::uint64_t first_number = 1;  ///< Lowest number that is unaccepted or next.
  bool operator==(const Attach&) const = default;
};

/// One envelope to be posted. `envelope` is the compact form with zeros where the hub stamps;
/// empty (nil on the wire) skips a number that was refused and will not be sent again.
struct SendView {
  SessionId session = 0;
  std::uint64_t number = 0;
  Bytes envelope;
};

/// Numbers first_number … first_number + count - 1 are on disk; their ids are consecutive.
struct Accept {
  SessionId session = 0;
  std::uint64_t first_number = 0;
  std::uint64_t count = 0;
  EnvelopeId first_id;
  SendWindow window;
  bool operator==(const Accept&) const = default;
};

struct NotifyView {
  SessionId session = 0;
  std::uint64_t delivery = 0;  ///< This session's delivery number, from 1.
  std::uint32_t attempt = 1;   ///< Above 1: may have been delivered before.
  Position position;
  Bytes envelope;
};

enum class ReceiptKind : std::uint8_t {
  kCredit = 0,   ///< Nothing settled, only new credit.
  kAck = 1,      ///< One envelope, by id.
  kAckUpTo = 2,  ///< All that this session was sent, up to a delivery number.
  kNack = 3,     ///< One delivery has failed: send it again later.
  kWorking = 4,  ///< One delivery takes time: do not send it again yet.
};

struct Receipt {
  SessionId session = 0;
  ReceiptKind kind = ReceiptKind::kCredit;
  std::uint64_t delivery = 0;  ///< With kAckUpTo, kNack, kWorking.
  EnvelopeId envelope_id;      ///< With kAck.
  std::uint64_t credit_until = 0;
  std::uint32_t delay_ms = 0;  ///< With kNack: not before; 0: as the hub thinks fit.
  std::string_view reason{};   ///< With kNack; of the caller, or in the frame that was read.
  bool operator==(const Receipt&) const = default;
};

/// Refuses a frame. With `about` = kNone and a session: that session has ended.
struct ErrorFrame {
  SessionId session = 0;
  FrameType about = FrameType::kNone;
  std::uint64_t reference = 0;  ///< Number of a send, request id, delivery number.
  ErrorCode code = ErrorCode::kOk;
  std::string message;
  bool operator==(const ErrorFrame&) const = default;
};

struct Ping {
  std::uint64_t nonce = 0;
  bool operator==(const Ping&) const = default;
};

/// Also carries, per receiving session, the durable cursor: all positions up to it are settled on
/// disk, so a client may forget them.
struct Pong {
  std::uint64_t nonce = 0;
  std::vector<std::pair<SessionId, Position>> cursors;
  bool operator==(const Pong&) const = default;
};

/// Every operation but posting, by name. `params` and `result` hold one msgpack map each.
struct Request {
  std::uint64_t request_id = 0;
  std::string operation;
  ByteBuffer params;
  bool operator==(const Request&) const = default;
};

struct Response {
  std::uint64_t request_id = 0;
  ErrorCode code = ErrorCode::kOk;
  std::string message;  ///< With an error.
  ByteBuffer result;
  bool operator==(const Response&) const = default;
};

struct Bye {
  ErrorCode code = ErrorCode::kOk;
  std::string message;
  SessionId session = 0;  ///< From a client: this session alone.
  bool operator==(const Bye&) const = default;
};

/// Asks for what happens under a topic from now on, and for what is known of it so far; answered by
/// a response with `request_id`. The one topic of this version is kPresenceTopic.
struct Subscribe {
  std::uint64_t request_id = 0;
  std::string topic;
  BootId boot;                ///< With `version`: what the client knows already; zero: nothing.
  std::uint64_t version = 0;  ///< Of the last presence frame that it took.
  bool operator==(const Subscribe&) const = default;
};

struct Unsubscribe {
  std::uint64_t request_id = 0;
  std::string topic;
  bool operator==(const Unsubscribe&) const = default;
};

inline constexpr std::string_view kPresenceTopic = "capstan.presence";

enum class PresenceState : std::uint8_t {
  kOffline = 0,
  kOnline = 1,   ///< It has a receiving session.
  kRemoved = 2,  ///< The name is free; another agent may have it later, with another id.
};

struct AgentPresence {
  AgentId agent;
  std::string name;
  PresenceState state = PresenceState::kOffline;
  std::uint64_t since_ns = 0;  ///< The hub's wall clock.
  bool operator==(const AgentPresence&) const = default;
};

/// Agents whose presence has changed, each with its newest state alone, the oldest change first.
struct Presence {
  bool snapshot = false;      ///< Forget what was told before: this begins anew.
  std::uint64_t version = 0;  ///< All changes up to it have been told.
  bool more = false;          ///< There are newer ones, which follow.
  std::vector<AgentPresence> agents;
  bool operator==(const Presence&) const = default;
};

using ControlFrame = std::variant<Hello, Welcome, Attach, ErrorFrame, Ping, Pong, Request, Response,
                                  Bye, Subscribe, Unsubscribe, Presence>;

}  // namespace capstan
