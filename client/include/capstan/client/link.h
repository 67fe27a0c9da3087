// What carries body parts between a client and a hub.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/error.h"
#include "capstan/base/result.h"

namespace capstan {

struct LinkConnected {};

struct LinkBody {
  Bytes bytes;  ///< Lives as long as `owner`.
  std::shared_ptr<const void> owner;
};

/// kRefusedHandshake: the hub does not admit this key. kUnavailable: everything else.
struct LinkDisconnected {
  Error error;
};

using LinkEvent = std::variant<LinkConnected, LinkBody, LinkDisconnected>;

/// One connection at a time; who owns the link decides when to try again.
///
/// Place: belongs to one thread, except wake().
class Link {
 public:
  virtual ~Link() = default;

  /// Begins a new connection; its outcome is the next LinkConnected or LinkDisconnected.
  /// Errors: kInvalidArgument: the endpoint cannot be used. kIo: no resources.
  [[nodiscard]] virtual Status connect() = 0;

  /// False: would block; `body` is untouched, and wait() returns when there is room again.
  [[nodiscard]] virtual bool send(ByteBuffer&& body) = 0;

  /// Waits for events, at most `timeout_ms` (-1: no bound); empty after the time, a wake() or when
  /// there is room to send again.
  [[nodiscard]] virtual std::vector<LinkEvent> wait(int timeout_ms) = 0;

  /// Ends the current or the next wait(). Thread-safe.
  virtual void wake() = 0;

  /// Drops the connection without an event. What was sent has a moment to get out.
  virtual void disconnect() = 0;
};

}  // namespace capstan
