// The link over ZeroMQ: tcp or ipc, with CURVE when the hub's key is given.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "capstan/client/link.h"
#include "capstan/security/key.h"

namespace capstan {

/// One libzmq context with its I/O thread. A process keeps one: libzmq 4.3.4 takes the random
/// source away from all contexts when the first of several ends.
///
/// Thread-safe. Ends when the last link that uses it has gone.
class ZmqContext {
 public:
  /// Errors: kIo.
  [[nodiscard]] static Result<std::shared_ptr<ZmqContext>> make();
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;

  /// The `void*` that zmq_socket() takes.
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  explicit ZmqContext(void* handle) : handle_(handle) {}
  void* handle_;
};

/// Makes a new DEALER for every connect(): libzmq never reconnects by itself, so nothing that an
/// old connection still held can reach the hub behind our back.
[[nodiscard]] Result<std::unique_ptr<Link>> make_zmq_link(std::shared_ptr<ZmqContext> context,
                                                          std::string endpoint,
                                                          std::optional<PublicKey> hub_key,
                                                          KeyPair keys);

}  // namespace capstan
