#include "capstan/security/zap.h"

#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/security/random.h"

namespace capstan {
namespace {

constexpr std::string_view kVersion = "1.0";
constexpr std::size_t kFieldLengthMax = 255;

// The order of the frames that every request has.
enum Field : std::size_t {
  kVersionField,
  kRequestIdField,
  kDomainField,
  kAddressField,
  kIdentityField,
  kMechanismField,
  kFirstCredential,
};

struct MechanismRule {
  std::string_view name;
  ZapMechanism mechanism;
  std::size_t credentials;
};

constexpr std::array<MechanismRule, 4> kMechanisms{{
    {"NULL", ZapMechanism::kNull, 0},
    {"PLAIN", ZapMechanism::kPlain, 2},
    {"CURVE", ZapMechanism::kCurve, 1},
    {"GSSAPI", ZapMechanism::kGssapi, 1},
}};

static_assert(kZapFramesMax == kFirstCredential + 2, "PLAIN has the most credentials");

ZapReply refuse(Bytes request_id, ZapStatus status, std::string_view text) {
  ZapReply reply;
  append(reply.request_id, request_id);
  reply.status = status;
  reply.text = text;
  return reply;
}

ZapReply admit(Bytes request_id, std::string user_id, const RoutingIdentity& identity) {
  ZapReply reply = refuse(request_id, ZapStatus::kAdmitted, "OK");
  reply.user_id = std::move(user_id);
  append_zmtp_property(reply.metadata, "Identity", identity);
  return reply;
}

ByteBuffer to_buffer(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

RoutingIdentity random_routing_identity() {
  RoutingIdentity identity{};
  while (identity[0] == 0) secure_random(identity);
  return identity;
}

Result<ZapRequest> parse_zap(std::span<const Bytes> frames) {
  if (frames.size() < kFirstCredential) {
    return {ErrorCode::kMalformedFrame, "a ZAP request has at least six frames"};
  }
  if (as_text(frames[kVersionField]) != kVersion) {
    return {ErrorCode::kUnsupportedVersion, "a ZAP request of another version than 1.0"};
  }
  for (const Bytes field : frames.first(kFirstCredential)) {
    if (field.size() > kFieldLengthMax) {
      return {ErrorCode::kMalformedFrame, "a field of a ZAP request is longer than 255 octets"};
    }
  }
  ZapRequest request;
  request.request_id = frames[kRequestIdField];
  request.domain = as_text(frames[kDomainField]);
  request.address = as_text(frames[kAddressField]);
  const std::string_view mechanism = as_text(frames[kMechanismField]);
  const auto rule = std::find_if(kMechanisms.begin(), kMechanisms.end(),
                                 [&](const MechanismRule& r) { return r.name == mechanism; });
  if (rule == kMechanisms.end()) return request;
  if (frames.size() != kFirstCredential + rule->credentials) {
    return {ErrorCode::kMalformedFrame, "a ZAP request has too few or too many credentials"};
  }
  request.mechanism = rule->mechanism;
  if (request.mechanism == ZapMechanism::kCurve) {
    const Result<PublicKey> key = PublicKey::from_bytes(frames[kFirstCredential]);
    if (!key) return {ErrorCode::kMalformedFrame, key.error().context};
    request.curve_key = *key;
  }
  return request;
}

ZapReply decide(const ZapRequest& request, const CredentialSnapshot& credentials,
                Encryption encryption, const RoutingIdentity& identity) {
  const ZapReply refusal = refuse(request.request_id, ZapStatus::kRefused, "not admitted");
  if (request.domain != kZapDomain) return refusal;
  switch (encryption) {
    case Encryption::kNone:
      if (request.mechanism != ZapMechanism::kNull) return refusal;
      return admit(request.request_id, std::string(kNullUserId), identity);
    case Encryption::kCurve:
      if (request.mechanism != ZapMechanism::kCurve || !request.curve_key) return refusal;
      if (credentials.find(*request.curve_key) == nullptr) return refusal;
      return admit(request.request_id, request.curve_key->z85(), identity);
  }
  return refusal;
}

ZapReply answer_zap(std::span<const Bytes> frames, const CredentialSnapshot& credentials,
                    Encryption encryption, const RoutingIdentity& identity) {
  const Result<ZapRequest> request = parse_zap(frames);
  if (request) return decide(*request, credentials, encryption, identity);
  const Bytes request_id = frames.size() > kRequestIdField ? frames[kRequestIdField] : Bytes{};
  return refuse(request_id.first(std::min(request_id.size(), kFieldLengthMax)), ZapStatus::kBroken,
                "request cannot be read");
}

std::array<ByteBuffer, 6> encode_zap_reply(const ZapReply& reply) {
  const auto status = std::to_string(static_cast<unsigned>(reply.status));
  return {to_buffer(kVersion),   reply.request_id,         to_buffer(status),
          to_buffer(reply.text), to_buffer(reply.user_id), reply.metadata};
}

void append_zmtp_property(ByteBuffer& to, std::string_view name, Bytes value) {
  CAPSTAN_CHECK(!name.empty() && name.size() <= 255);
  to.push_back(static_cast<std::uint8_t>(name.size()));
  append(to, as_bytes(name));
  const auto size = static_cast<std::uint32_t>(value.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    to.push_back(static_cast<std::uint8_t>(size >> shift));
  }
  append(to, value);
}

}  // namespace capstan
