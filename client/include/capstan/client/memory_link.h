// A link without sockets: the other end is in the hands of a test.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "capstan/client/link.h"

namespace capstan {

/// Both ends of a connection in memory. Thread-safe; outlives the links made from it.
class MemoryWire : public std::enable_shared_from_this<MemoryWire> {
 public:
  [[nodiscard]] std::unique_ptr<Link> make_link();

  // The hub's end.
  /// Waits until a client has asked for a connection, and grants it. False after `timeout_ms`.
  [[nodiscard]] bool grant(int timeout_ms);
  /// Answers the next attempt, or ends the connection, with `error`.
  void cut(Error error);
  /// The next body part that the client sent; empty after `timeout_ms` or at the connection's end.
  [[nodiscard]] std::optional<ByteBuffer> receive(int timeout_ms);
  void send(ByteBuffer body);
  /// False: the client's sends would block.
  void set_room(bool room);

 private:
  friend class MemoryLink;
  enum class State { kIdle, kAsked, kUp };

  std::mutex mutex_;
  std::condition_variable hub_turn_;
  std::condition_variable client_turn_;
  State state_ = State::kIdle;
  bool room_ = true;
  bool woken_ = false;
  std::optional<Error> refuse_next_;
  std::deque<ByteBuffer> to_hub_;
  std::vector<LinkEvent> to_client_;
};

}  // namespace capstan
