#include "auth/server_socket_options.h"

#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "capstan/base/check.h"

namespace capstan {
namespace {

// Outside the #ifdef of libzmq's drafts, but named only inside; Debian's 4.3.4 obeys the number.
constexpr int kZapEnforceDomain = 93;

struct NumberSetting {
  int option;
  int value;
};

// Reasons where the number does not speak for itself:
//   MANDATORY     without it a message for a vanished peer is dropped, and send() says ok;
//   HANDOVER      with it a second peer takes over the routing id, and the mail, of the first;
//   HANDSHAKE_IVL a mute TCP connection holds a descriptor for so long;
//   HEARTBEAT_TTL how long the peer waits for us; above 65,535 ms it would wrap;
//   BACKLOG       all agents of a site come back at once after a restart.
constexpr NumberSetting kSettings[] = {
    {ZMQ_ROUTER_MANDATORY, 1},  {ZMQ_ROUTER_HANDOVER, 0},       {ZMQ_HANDSHAKE_IVL, 5'000},
    {ZMQ_HEARTBEAT_IVL, 2'000}, {ZMQ_HEARTBEAT_TIMEOUT, 6'000}, {ZMQ_HEARTBEAT_TTL, 10'000},
    {ZMQ_TCP_KEEPALIVE, 1},     {ZMQ_TCP_KEEPALIVE_IDLE, 60},   {ZMQ_TCP_KEEPALIVE_INTVL, 10},
    {ZMQ_TCP_KEEPALIVE_CNT, 3}, {ZMQ_BACKLOG, 4'096},           {ZMQ_LINGER, 0},
};

/// Sets options until one fails, and remembers which.
class Setter {
 public:
  explicit Setter(zmq::socket_t& socket) : socket_(socket.handle()) {}

  void set(int option, const void* value, std::size_t size) {
    if (failed_option_ != 0) return;
    if (zmq_setsockopt(socket_, option, value, size) != 0) failed_option_ = option;
  }
  void set(int option, int value) { set(option, &value, sizeof value); }

  [[nodiscard]] Status status() const {
    if (failed_option_ == 0) return {};
    return {ErrorCode::kUnavailable,
            "libzmq refuses socket option " + std::to_string(failed_option_)};
  }

 private:
  void* socket_;
  int failed_option_ = 0;
};

}  // namespace

Status apply_server_security(zmq::socket_t& socket, const ServerSecurity& security) {
  const bool curve = security.encryption == Encryption::kCurve;
  if (curve != (security.hub_key != nullptr)) {
    return {ErrorCode::kInvalidArgument, "the hub's key goes with CURVE, and CURVE with the key"};
  }
  if (security.message_bytes_max < 1) {
    return {ErrorCode::kInvalidArgument, "the largest message has at least one octet"};
  }
  Setter setter(socket);
  for (const NumberSetting& setting : kSettings) setter.set(setting.option, setting.value);
  const std::int64_t bytes_max =
      security.message_bytes_max + (curve ? kCurveFrameOverheadBytes : 0);
  setter.set(ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
  setter.set(ZMQ_IPV6, security.ipv6 ? 1 : 0);

  // Without CURVE too: a handler that is asked sets the User-Id, so that no peer can bring its own.
  setter.set(ZMQ_ZAP_DOMAIN, kZapDomain.data(), kZapDomain.size());
  setter.set(kZapEnforceDomain, security.enforcement == ZapEnforcement::kRefuse ? 1 : 0);
  if (curve) {
    setter.set(ZMQ_CURVE_SERVER, 1);
    setter.set(ZMQ_CURVE_SECRETKEY, security.hub_key->view().data(), kKeyBytes);
  }
  return setter.status();
}

}  // namespace capstan
