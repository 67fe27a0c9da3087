// Connections that delay, and that end at any moment in either direction.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "capstan/core/event.h"
#include "disk.h"

namespace capstan::sim {

/// The client's end of a connection.
class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual void link_up() = 0;
  virtual void link_body(const ByteBuffer& body) = 0;
  virtual void link_down() = 0;
};

/// One connection, from connect() to its end. Each direction keeps its order and loses, when the
/// connection is cut, only what was on its way: as TCP does.
struct Wire {
  Endpoint* client = nullptr;  ///< Null when the client has closed it.
  const KeyPlan* key = nullptr;
  bool to_hub = false;                     ///< Bodies arrive at the hub.
  bool to_client = false;                  ///< Bodies arrive at the client.
  std::uint64_t hub_busy_ns = 0;           ///< When the last body arrives at the hub.
  std::uint64_t client_busy_ns = 0;        ///< When the last body arrives at the client.
  std::optional<ConnectionId> connection;  ///< The hub's name for it.
  PeerView view;
};
using WirePtr = std::shared_ptr<Wire>;

/// The hub's end of all connections.
class HubPort {
 public:
  virtual ~HubPort() = default;
  [[nodiscard]] virtual bool up() const = 0;
  /// As the transport does it: who is not admitted has no connection.
  [[nodiscard]] virtual bool admits(const KeyPlan& key) const = 0;
  virtual void arrived(const WirePtr& wire, ByteBuffer body) = 0;
  virtual void gone(const WirePtr& wire) = 0;
};

class Network {
 public:
  Network(Common common, std::uint64_t seed);

  void set_hub(HubPort& hub) { hub_ = &hub; }

  /// Ends in link_up() or link_down() of the client.
  [[nodiscard]] WirePtr connect(Endpoint& client, const KeyPlan& key);
  void send_to_hub(const WirePtr& wire, ByteBuffer body);
  void send_to_client(const WirePtr& wire, ByteBuffer body);

  /// The client closes: it hears nothing more; what it sent may arrive.
  void close(const WirePtr& wire);
  /// Some open connection, if there is one, breaks in both directions, at two moments.
  void cut_one();
  /// The hub's process has ended.
  void hub_died();

 private:
  void lose_hub_side(const WirePtr& wire);
  void tell_client(const WirePtr& wire, std::uint64_t delay_ns);
  [[nodiscard]] std::uint64_t delay() { return random_.below(common_.plan.link_delay_ns) + 1; }

  Common common_;
  Random random_;
  HubPort* hub_ = nullptr;
  std::vector<WirePtr> open_;
};

}  // namespace capstan::sim
