// The ROUTER socket: bytes in, bytes out, and which peer is which. THREATS.md §5.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "auth/server_socket_options.h"
#include "capstan/base/result.h"
#include "capstan/core/effect.h"
#include "capstan/core/event.h"
#include "capstan/security/credentials.h"

namespace capstan {

/// Owns the socket and the table routing id ⇄ ConnectionId. A connection is (routing id, User-Id,
/// generation): a routing id alone is an address and proves nothing.
///
/// Place: owned by the core thread. Not thread-safe.
class Router {
 public:
  /// Errors: kAlreadyExists: the port is in use; kInvalidArgument, kUnavailable, kIo.
  [[nodiscard]] static Result<std::unique_ptr<Router>> bind(zmq::context_t& context,
                                                            const ServerSecurity& security,
                                                            const CredentialStore& credentials,
                                                            const std::string& endpoint);

  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Where it listens, with the port that the system chose.
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

  [[nodiscard]] void* socket() { return socket_.handle(); }

  /// Appends what waits, up to about `bytes_max`; does not block. The bytes that events point to
  /// live until the next call. True when more may wait.
  bool receive(std::vector<Event>& events, std::size_t bytes_max);

  /// Sends, or queues what the peer's pipe has no room for. A peer that is gone, or that lets more
  /// than kOutboxBytesMax pile up, is reported by the next take_gone(); the latter is told so, when
  /// it reads again, by `bye` slow_reader instead of what was queued.
  void send(SendBody body);

  /// Tries again what is queued; true while something still is.
  bool flush();

  /// Forgets a peer.
  void evict(ConnectionId connection);

  /// Appends PeerGone for the peers that sending found gone.
  void take_gone(std::vector<Event>& events);

  /// Messages whose User-Id was not that of the routing id they came with.
  [[nodiscard]] std::uint64_t refused_identity() const { return refused_identity_; }

  static constexpr std::size_t kOutboxBytesMax = std::size_t{32} << 20;

 private:
  struct Slot {
    std::string routing_id;
    std::string user_id;
    std::uint32_t generation = 0;
    bool open = false;
    bool leaving = false;  ///< For the hub it is gone; only its last word is still to be sent.
    std::deque<ByteBuffer> outbox;
    std::size_t outbox_bytes = 0;
  };

  struct TextHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  enum class Sent { kYes, kFull, kGone };

  Router(zmq::socket_t socket, const CredentialStore& credentials, Encryption encryption);

  /// The connection of a message; opens one for a peer that is new. Empty for a peer that may not
  /// be here.
  std::optional<ConnectionId> connection_of(std::string_view routing_id, std::string_view user_id,
                                            std::vector<Event>& events);
  std::optional<PeerOpened> identify(ConnectionId connection, std::string_view user_id) const;
  Slot* find(ConnectionId connection);
  void close(std::uint32_t index);
  void drop_slow(std::uint32_t index);
  Sent send_now(const Slot& slot, ByteBuffer& body);

  zmq::socket_t socket_;
  const CredentialStore& credentials_;
  Encryption encryption_;
  std::string endpoint_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> by_routing_id_;
  std::vector<zmq::message_t> bodies_;
  std::vector<std::uint32_t> with_outbox_;
  std::vector<ConnectionId> gone_;
  std::uint64_t refused_identity_ = 0;
};

}  // namespace capstan
