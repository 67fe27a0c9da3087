// What every socket that the hub binds is told before it binds.
#pragma once

#include <cstdint>

#include "capstan/base/result.h"
#include "capstan/security/key.h"
#include "capstan/security/zap.h"

namespace zmq {
class socket_t;
}

namespace capstan {

/// A frame that CURVE has boxed is this much longer; ZMQ_MAXMSGSIZE counts the boxed size.
inline constexpr std::int64_t kCurveFrameOverheadBytes = 33;

/// What happens when libzmq finds no ZAP handler.
enum class ZapEnforcement {
  kRefuse,           ///< The connection ends.
  kFailOpenForTest,  ///< libzmq's own default: whoever comes is let in.
};

struct ServerSecurity {
  Encryption encryption = Encryption::kCurve;
  /// The hub's secret; outlives the call. Null when encryption is kNone, and only then.
  const SecretKey* hub_key = nullptr;
  /// The largest body part of a peer; a longer one ends its connection. At least 1.
  std::int64_t message_bytes_max = 0;
  /// The endpoint is an IPv6 one. It is off otherwise, since a wildcard would then mean both.
  bool ipv6 = false;
  ZapEnforcement enforcement = ZapEnforcement::kRefuse;
};

/// Sets all of it on a ROUTER that is not bound yet.
///
/// Errors: kInvalidArgument: the settings contradict themselves; kUnavailable: this libzmq does not
///         know an option, so the socket must not be bound.
/// Source: THREATS.md §5.
[[nodiscard]] Status apply_server_security(zmq::socket_t& socket, const ServerSecurity& security);

}  // namespace capstan
