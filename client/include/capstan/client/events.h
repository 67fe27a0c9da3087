// What passes between an application's side and the client engine: options, batches to post,
// events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/error.h"
#include "capstan/base/ids.h"
#include "capstan/codec/frame.h"

namespace capstan {

/// What a session does after the hub refused a number for good.
enum class RefusalPolicy : std::uint8_t {
  kSkip,  ///< Reports it, skips the number, goes on with the later ones.
  kStop,  ///< Reports it and sends neither it nor any later number on this session.
};

struct SessionOptions {
  std::string agent;
  AttachMode mode = AttachMode::kPost;
  RefusalPolicy refusal = RefusalPolicy::kSkip;
  /// A full inbox, a full disk of the hub, or an absent receiver whose mailbox stores nothing: true
  /// repeats until it goes, false reports inbox_full, disk_full or not_delivered as a refusal.
  bool wait_when_full = true;
  std::uint64_t credit_envelopes = 4096;         ///< Delivered and not yet acknowledged, at most.
  std::uint64_t credit_bytes = 8 * 1024 * 1024;  ///< The same in bytes.
  /// Deliveries shown in the whole life of the session, reconnects included; empty: no bound.
  std::optional<std::uint64_t> deliveries_max;
};

/// Envelopes in the order in which they are to be posted; their numbers follow on from the last
/// one.
struct PostBatch {
  ByteBuffer bytes;                 ///< Compact envelopes, one after the other.
  std::vector<std::uint32_t> ends;  ///< Where each one ends in `bytes`.
  /// (index in `ends`, agent name): envelopes whose channel is still to be looked up. Ascending.
  std::vector<std::pair<std::uint32_t, std::string>> names;

  [[nodiscard]] bool empty() const { return ends.empty(); }
};

/// The hub knows the session; also after each reconnect.
struct Attached {
  SessionId session = 0;
  AgentId agent;
};

/// The hub has refused the session for now, or has ended it for now: it is attached again after a
/// back-off. Comes again with each refusal.
struct AttachDelayed {
  SessionId session = 0;
  Error error;
};

/// The session is over for good.
struct SessionEnded {
  SessionId session = 0;
  Error error;
};

/// One envelope for the application.
struct Delivered {
  SessionId session = 0;
  std::uint64_t delivery = 0;  ///< The client's own count from 1: it goes on after a reconnect.
  std::uint32_t attempt = 1;
  Position position;  ///< Zero: its mailbox stores nothing, and it never comes again.
  Bytes envelope;     ///< Compact form; points into the body part that was passed to body().
};

/// Numbers first … first + count - 1 are on the hub's disk.
struct Accepted {
  SessionId session = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  EnvelopeId first_id;      ///< The other ids follow on.
  std::uint64_t bytes = 0;  ///< Of the envelopes, which the session no longer holds.
};

/// A number that will not be stored; with kOutcomeUnknown: that may have been.
struct Refused {
  SessionId session = 0;
  std::uint64_t number = 0;
  Error error;
  std::uint64_t bytes = 0;
};

struct Responded {
  std::uint64_t request_id = 0;
  ErrorCode code = ErrorCode::kOk;
  std::string message;
  ByteBuffer result;  ///< A msgpack map, when the code is kOk.
};

/// The mailbox of an agent, found by its name.
struct NameResolved {
  std::string name;
  ChannelId channel;
};

/// Agents have come or gone. PROTOCOL.md §6.17.
struct PresenceHeard {
  bool snapshot = false;  ///< Forget what was heard before: this begins anew.
  bool complete = false;  ///< All that the hub knew when it wrote this has been heard.
  std::vector<AgentPresence> agents;
};

/// Welcome has come, and every session has had its answer. Once per connection.
struct Ready {};

/// The owner drops the link and connects again after a back-off.
struct MustReconnect {
  Error error;
};

/// The hub will not have this client: no reconnect. Every session has ended before this event.
struct ConnectionEnded {
  Error error;
};

using ClientEvent =
    std::variant<Attached, AttachDelayed, SessionEnded, Delivered, Accepted, Refused, Responded,
                 NameResolved, PresenceHeard, Ready, MustReconnect, ConnectionEnded>;
using ClientEvents = std::vector<ClientEvent>;

/// What the engine wants done, in this order within each list.
struct Outputs {
  std::vector<ByteBuffer> bodies;  ///< Body parts for the link.
  ClientEvents events;
};

}  // namespace capstan
