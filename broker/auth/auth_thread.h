// The thread that libzmq asks about every new connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "auth/server_socket_options.h"
#include "capstan/base/result.h"
#include "capstan/security/credentials.h"
#include "capstan/security/zap.h"

namespace zmq {
class context_t;
}

namespace capstan {

/// Answers ZAP requests from the snapshot in memory; it never touches the disk, because handshakes
/// queue in front of it without a bound.
///
/// Place:   one per zmq context, started before the first server socket binds.
/// Thread:  starts and ends its own; the methods may be called from any.
/// Source:  THREATS.md §5.1.
class AuthThread {
 public:
  /// When this returns ok, the handler is bound. `context` and `credentials` outlive it.
  ///
  /// Errors: kAlreadyExists: this context has a handler; kIo: libzmq or the system.
  [[nodiscard]] static Result<std::unique_ptr<AuthThread>> start(zmq::context_t& context,
                                                                 const CredentialStore& credentials,
                                                                 Encryption encryption);

  AuthThread(const AuthThread&) = delete;
  AuthThread& operator=(const AuthThread&) = delete;
  /// Ends the thread; from then on sockets with apply_server_security() admit nobody.
  ~AuthThread();

  /// Knocks as a stranger (or, without CURVE, as anybody) on a throwaway socket with the same
  /// settings, before the hub opens its own. Takes some milliseconds, at most kSelfTestTimeoutMs.
  /// Its knock is not counted as refused. Not to be called from two threads at once.
  ///
  /// Errors: those of require_refusal() and require_null_user(): the hub must not bind.
  [[nodiscard]] Status self_test(const ServerSecurity& security);

  /// Handshakes answered with anything but 200.
  [[nodiscard]] std::uint64_t refused_handshakes() const { return refused_.load(); }
  /// False when libzmq ended the thread: nobody can enter any more, and the hub has to restart.
  [[nodiscard]] bool running() const { return running_.load(); }

 private:
  class Handler;

  explicit AuthThread(std::unique_ptr<Handler> handler);
  void run();

  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<bool> running_ = true;
  std::unique_ptr<Handler> handler_;
};

}  // namespace capstan
