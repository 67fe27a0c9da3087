// What a stranger's handshake makes libzmq ask. The input is the request's frames: each is one
// octet of length, then so many octets; the last one may be cut. ZeroMQ RFC 27.
#include <algorithm>
#include <vector>

#include "capstan/base/check.h"
#include "capstan/base/cursor.h"
#include "capstan/security/zap.h"
#include "target.h"

namespace capstan::fuzz {

namespace {

constexpr RoutingIdentity kIdentity{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/// The one key that is admitted; write_seeds.py uses the same.
PublicKey admitted_key() {
  PublicKey key;
  key.bytes.fill('b');
  return key;
}

const SharedCredentials& credentials() {
  static const SharedCredentials kMade =
      CredentialSnapshot::build({{"bob", admitted_key(), {"bob"}, Role::kAgent}}).value();
  return kMade;
}

std::vector<Bytes> frames_of(Bytes input) {
  std::vector<Bytes> frames;
  Cursor in(input);
  while (!in.at_end()) {
    const std::size_t length = in.u8();
    frames.push_back(in.take(std::min<std::size_t>(length, in.remaining())));
  }
  return frames;
}

bool inside_one(Bytes part, const std::vector<Bytes>& frames) {
  return std::any_of(frames.begin(), frames.end(),
                     [part](Bytes frame) { return inside(part, frame); });
}

std::size_t credentials_of(ZapMechanism mechanism) {
  switch (mechanism) {
    case ZapMechanism::kPlain:
      return 2;
    case ZapMechanism::kCurve:
    case ZapMechanism::kGssapi:
      return 1;
    case ZapMechanism::kNull:
    case ZapMechanism::kUnknown:
      return 0;
  }
  return 0;
}

void check_request(const ZapRequest& request, const std::vector<Bytes>& frames) {
  CAPSTAN_CHECK(frames.size() >= 6 && as_text(frames[0]) == "1.0");
  CAPSTAN_CHECK(inside_one(request.request_id, frames));
  CAPSTAN_CHECK(request.domain == as_text(frames[2]) && request.address == as_text(frames[3]));
  CAPSTAN_CHECK(request.curve_key.has_value() == (request.mechanism == ZapMechanism::kCurve));
  if (request.mechanism != ZapMechanism::kUnknown) {
    CAPSTAN_CHECK(frames.size() == 6 + credentials_of(request.mechanism));
  }
  if (request.curve_key) CAPSTAN_CHECK(equal(request.curve_key->bytes, frames[6]));
}

/// Who may enter, said once more and from the frames alone.
bool may_enter(const std::vector<Bytes>& frames, Encryption encryption) {
  if (frames.size() < 6 || as_text(frames[0]) != "1.0" || as_text(frames[2]) != kZapDomain) {
    return false;
  }
  if (encryption == Encryption::kNone) return frames.size() == 6 && as_text(frames[5]) == "NULL";
  return frames.size() == 7 && as_text(frames[5]) == "CURVE" &&
         equal(frames[6], admitted_key().bytes);
}

void check_reply(const std::vector<Bytes>& frames, Encryption encryption, bool readable) {
  const ZapReply reply = answer_zap(frames, *credentials(), encryption, kIdentity);
  const bool admitted = reply.status == ZapStatus::kAdmitted;
  CAPSTAN_CHECK(admitted == may_enter(frames, encryption));
  CAPSTAN_CHECK((reply.status == ZapStatus::kBroken) == !readable);
  const std::string user_id =
      encryption == Encryption::kCurve ? admitted_key().z85() : std::string(kNullUserId);
  CAPSTAN_CHECK(reply.user_id == (admitted ? user_id : ""));
  CAPSTAN_CHECK(reply.metadata.empty() == !admitted);
  CAPSTAN_CHECK(frames.size() < 2 || equal(reply.request_id, frames[1]));
  // A stranger learns nothing from the words of a refusal.
  CAPSTAN_CHECK(reply.status != ZapStatus::kRefused || reply.text == "not admitted");
  const auto written = encode_zap_reply(reply);
  CAPSTAN_CHECK(as_text(written[0]) == "1.0" && as_text(written[2]).size() == 3);
  CAPSTAN_CHECK(written[1] == reply.request_id && written[5] == reply.metadata);
}

}  // namespace

void run_one(Bytes input) {
  const std::vector<Bytes> frames = frames_of(input);
  const auto request = parse_zap(frames);
  if (request) check_request(*request, frames);
  check_reply(frames, Encryption::kCurve, request.ok());
  check_reply(frames, Encryption::kNone, request.ok());
}

}  // namespace capstan::fuzz
