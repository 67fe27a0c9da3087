// The few things of libzmq that the floor uses, with owners and typed errors.
#pragma once

#include <zmq.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"

namespace capstan::bench {

/// One part of a ZeroMQ message. Movable; bytes stay where they are when it moves.
class Message {
 public:
  Message() { zmq_msg_init(&part_); }
  explicit Message(std::size_t size);
  explicit Message(Bytes bytes);
  Message(Message&& other) noexcept;
  Message& operator=(Message&& other) noexcept;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { zmq_msg_close(&part_); }

  [[nodiscard]] std::uint8_t* data() { return static_cast<std::uint8_t*>(zmq_msg_data(&part_)); }
  [[nodiscard]] Bytes bytes() const;
  [[nodiscard]] zmq_msg_t* part() { return &part_; }

 private:
  // libzmq's accessors take a non-const part although they only read it.
  mutable zmq_msg_t part_;
};

/// Z85 text, 40 characters each.
struct CurveKeys {
  std::string public_key;
  std::string secret_key;
};

[[nodiscard]] CurveKeys make_curve_keys();

class Context {
 public:
  Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  [[nodiscard]] void* handle() const { return handle_; }

 private:
  void* handle_;
};

/// A ROUTER or DEALER socket. Belongs to one thread; the context outlives it.
class Socket {
 public:
  /// A ROUTER on a free loopback port; with `keys`, a CURVE server that admits every key.
  static Result<std::unique_ptr<Socket>> bind_router(const Context& context,
                                                     const std::optional<CurveKeys>& keys);

  /// A DEALER to `endpoint`; with a `hub_public_key`, over CURVE with keys of its own.
  static Result<std::unique_ptr<Socket>> connect_dealer(const Context& context,
                                                        const std::string& endpoint,
                                                        const std::string& hub_public_key);

  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  /// Never waits. Errors: kIo with libzmq's text, also when the peer is gone or its pipe is full.
  Status send(Message part, bool more = false);

  /// The next part that has arrived; empty when there is none.
  [[nodiscard]] std::optional<Message> receive();

  [[nodiscard]] std::string endpoint() const;
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  explicit Socket(void* handle) : handle_(handle) {}
  static Result<std::unique_ptr<Socket>> make(const Context& context, int type);
  void set(int option, int value);
  void set(int option, const std::string& text);

  void* handle_;
};

}  // namespace capstan::bench
