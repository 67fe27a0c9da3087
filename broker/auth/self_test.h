// Proves on a real connection that the door is shut before the hub opens its own.
#pragma once

#include "auth/server_socket_options.h"
#include "capstan/base/result.h"
#include "capstan/security/key.h"

namespace zmq {
class context_t;
}

namespace capstan {

inline constexpr int kSelfTestTimeoutMs = 5'000;

/// Binds a throwaway socket with these settings on a free loopback port, knocks with `stranger`'s
/// key, which nobody admitted, and wants a clear no: silence and a broken connection do not pass.
///
/// Errors: kWrongState: the stranger came in, or nobody judged it; kTimeout: no verdict in time;
///         kInvalidArgument, kUnavailable: the settings; kIo: libzmq.
[[nodiscard]] Status require_refusal(zmq::context_t& context, const ServerSecurity& security,
                                     const KeyPair& stranger, int timeout_ms = kSelfTestTimeoutMs);

/// Without CURVE everybody comes in, but as kNullUserId: the name that our handler gives. Where no
/// handler is asked, a connection has no User-Id, or the one that it claims.
///
/// Errors: as above.
[[nodiscard]] Status require_null_user(zmq::context_t& context, const ServerSecurity& security,
                                       int timeout_ms = kSelfTestTimeoutMs);

}  // namespace capstan
