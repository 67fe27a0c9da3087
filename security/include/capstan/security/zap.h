// What libzmq asks about every new connection (ZeroMQ RFC 27, ZAP 1.0), and the answer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"
#include "capstan/security/credentials.h"
#include "capstan/security/key.h"

namespace capstan {

/// The domain of every server socket; a request for another one is refused.
inline constexpr std::string_view kZapDomain = "capstan";
/// User id of a connection without CURVE: everybody's, hence nobody's.
inline constexpr std::string_view kNullUserId = "null";
/// Frames that any mechanism's request has at most; what comes after them need not be kept.
inline constexpr std::size_t kZapFramesMax = 8;

/// Whether the hub's sockets speak CURVE.
enum class Encryption {
  kCurve,  ///< Admitted keys only.
  kNone,   ///< Everybody: loopback and ipc, or whoever set insecure = true.
};

/// Octets that become the peer's routing id, when libzmq's race lets them. The first is not zero,
/// since ids that begin with zero are libzmq's own.
using RoutingIdentity = std::array<std::uint8_t, 16>;
[[nodiscard]] RoutingIdentity random_routing_identity();

enum class ZapMechanism { kNull, kPlain, kCurve, kGssapi, kUnknown };

/// One request. The views live as long as the frames that it was read from.
struct ZapRequest {
  Bytes request_id;  ///< libzmq uses the same one for every connection.
  std::string_view domain;
  std::string_view address;  ///< Where the peer connects from.
  ZapMechanism mechanism = ZapMechanism::kUnknown;
  std::optional<PublicKey> curve_key;  ///< Set exactly when the mechanism is CURVE.
};

/// Shape:  version, request id, domain, address, identity, mechanism, credentials: none for NULL,
///         two for PLAIN, one key of 32 octets for CURVE, one for GSSAPI.
/// Errors: kMalformedFrame, kUnsupportedVersion.
[[nodiscard]] Result<ZapRequest> parse_zap(std::span<const Bytes> frames);

enum class ZapStatus : std::uint16_t {
  kAdmitted = 200,
  kRefused = 400,  ///< libzmq's client gives up for good.
  kBroken = 500,   ///< The request itself was wrong; the client gives up, too.
};

struct ZapReply {
  ByteBuffer request_id;
  ZapStatus status = ZapStatus::kBroken;
  std::string text;     ///< The same for all refusals: no stranger learns why.
  std::string user_id;  ///< Z85 of the key, or kNullUserId; empty unless admitted.
  ByteBuffer metadata;  ///< ZMTP properties; empty unless admitted.
};

/// The verdict. A function of its arguments: chance comes in as `identity`.
[[nodiscard]] ZapReply decide(const ZapRequest& request, const CredentialSnapshot& credentials,
                              Encryption encryption, const RoutingIdentity& identity);

/// parse_zap() and decide(); a request that cannot be read is answered with 500.
[[nodiscard]] ZapReply answer_zap(std::span<const Bytes> frames,
                                  const CredentialSnapshot& credentials, Encryption encryption,
                                  const RoutingIdentity& identity);

/// Shape: version, request id, status, text, user id, metadata.
[[nodiscard]] std::array<ByteBuffer, 6> encode_zap_reply(const ZapReply& reply);

/// Appends a ZMTP property: length of the name (1 octet), name, length of the value (4,
/// big-endian), value. Shape: the name is 1..255 octets.
void append_zmtp_property(ByteBuffer& to, std::string_view name, Bytes value);

}  // namespace capstan
