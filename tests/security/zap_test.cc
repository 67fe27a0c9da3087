#include "capstan/security/zap.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace capstan {
namespace {

constexpr RoutingIdentity kIdentity{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0};

/// A request in the making: frames that a test can bend.
struct Request {
  std::vector<ByteBuffer> frames;

  [[nodiscard]] std::vector<Bytes> views() const { return {frames.begin(), frames.end()}; }
  Request& set(std::size_t at, std::string_view text) {
    frames.at(at).assign(text.begin(), text.end());
    return *this;
  }
};

Request request_of(std::string_view mechanism, std::vector<ByteBuffer> credentials) {
  Request request;
  for (const std::string_view text :
       {std::string_view("1.0"), std::string_view("1"), kZapDomain, std::string_view("127.0.0.1"),
        std::string_view(""), mechanism}) {
    request.frames.emplace_back(text.begin(), text.end());
  }
  for (ByteBuffer& credential : credentials) request.frames.push_back(std::move(credential));
  return request;
}

Request curve_request(const PublicKey& key) {
  return request_of("CURVE", {ByteBuffer(key.bytes.begin(), key.bytes.end())});
}

class Zap : public testing::Test {
 protected:
  [[nodiscard]] ZapReply ask(const Request& request,
                             Encryption encryption = Encryption::kCurve) const {
    return answer_zap(request.views(), *credentials_, encryption, kIdentity);
  }

  const PublicKey bob_ = generate_key_pair().public_key;
  const PublicKey stranger_ = generate_key_pair().public_key;
  const SharedCredentials credentials_ =
      CredentialSnapshot::build({{"bob", bob_, {"bob"}, Role::kAgent}}).value();
};

void expect_not_admitted(const ZapReply& reply) {
  EXPECT_NE(reply.status, ZapStatus::kAdmitted);
  EXPECT_TRUE(reply.user_id.empty());
  EXPECT_TRUE(reply.metadata.empty());
}

TEST_F(Zap, TooFewFramesAreAnsweredAndNotAdmitted) {
  const Request whole = curve_request(bob_);
  for (std::size_t count = 0; count < whole.frames.size(); ++count) {
    Request cut = whole;
    cut.frames.resize(count);
    const ZapReply reply = ask(cut);
    expect_not_admitted(reply);
    EXPECT_EQ(reply.status, ZapStatus::kBroken) << count;
    EXPECT_EQ(reply.request_id.size(), count > 1 ? 1U : 0U);
  }
}

TEST_F(Zap, EveryFrameCutAnywhereIsNotAdmitted) {
  const Request whole = curve_request(bob_);
  // What is in these decides; address, identity and request id are only passed on.
  for (const std::size_t at : {0U, 2U, 5U, 6U}) {
    for (std::size_t length = 0; length < whole.frames[at].size(); ++length) {
      Request cut = whole;
      cut.frames[at].resize(length);
      expect_not_admitted(ask(cut));
    }
  }
}

TEST_F(Zap, TooManyFramesAreNotAdmitted) {
  Request request = curve_request(bob_);
  for (int i = 0; i < 20; ++i) {
    request.frames.emplace_back(kKeyBytes);
    EXPECT_EQ(ask(request).status, ZapStatus::kBroken);
  }
  Request null = request_of("NULL", {{}});
  EXPECT_EQ(ask(null, Encryption::kNone).status, ZapStatus::kBroken);
}

TEST_F(Zap, AnotherVersionIsNotAdmitted) {
  for (const std::string_view version : {"", "1", "1.", "1.1", "2.0", "1.0 ", "01.0"}) {
    EXPECT_EQ(ask(curve_request(bob_).set(0, version)).status, ZapStatus::kBroken) << version;
  }
  EXPECT_EQ(parse_zap(curve_request(bob_).set(0, "2.0").views()).error().code,
            ErrorCode::kUnsupportedVersion);
}

TEST_F(Zap, ALongFieldIsNotAdmittedAndNotSentBack) {
  for (std::size_t at = 1; at < 6; ++at) {
    const ZapReply reply = ask(curve_request(bob_).set(at, std::string(256, 'x')));
    expect_not_admitted(reply);
    EXPECT_LE(reply.request_id.size(), 255U);
  }
}

TEST_F(Zap, AKeyOfAnotherLengthIsNotAdmitted) {
  for (std::size_t length = 0; length < 100; ++length) {
    Request request = curve_request(bob_);
    request.frames.back().resize(length);
    EXPECT_EQ(ask(request).status == ZapStatus::kAdmitted, length == kKeyBytes) << length;
  }
}

TEST_F(Zap, AnotherMechanismOrDomainIsRefused) {
  const ByteBuffer key(bob_.bytes.begin(), bob_.bytes.end());
  for (const Request& request :
       {request_of("NULL", {}), request_of("PLAIN", {key, key}), request_of("GSSAPI", {key}),
        request_of("curve", {key}), request_of("CURVE ", {key}), request_of("", {}),
        request_of("XYZZY", {key, key, key}), curve_request(bob_).set(2, ""),
        curve_request(bob_).set(2, "global"), curve_request(bob_).set(2, "Capstan")}) {
    const ZapReply reply = ask(request);
    expect_not_admitted(reply);
    EXPECT_EQ(reply.status, ZapStatus::kRefused);
  }
}

TEST_F(Zap, AnUnknownKeyAndARemovedOneGetTheSameAnswer) {
  const ZapReply unknown = ask(curve_request(stranger_));
  const ZapReply removed = answer_zap(curve_request(bob_).views(), *credentials_->without("bob"),
                                      Encryption::kCurve, kIdentity);
  expect_not_admitted(unknown);
  EXPECT_EQ(unknown.status, ZapStatus::kRefused);
  EXPECT_EQ(encode_zap_reply(unknown), encode_zap_reply(removed));
  EXPECT_EQ(encode_zap_reply(unknown), encode_zap_reply(ask(request_of("NULL", {}))));
}

TEST_F(Zap, WithoutCurveOnlyTheNullMechanismEnters) {
  const ZapReply reply = ask(request_of("NULL", {}), Encryption::kNone);
  EXPECT_EQ(reply.status, ZapStatus::kAdmitted);
  EXPECT_EQ(reply.user_id, "null");
  expect_not_admitted(ask(curve_request(bob_), Encryption::kNone));
  expect_not_admitted(ask(request_of("PLAIN", {{}, {}}), Encryption::kNone));
  expect_not_admitted(ask(request_of("NULL", {}).set(2, "other"), Encryption::kNone));
}

TEST_F(Zap, AnAdmittedKeyBecomesTheUserIdAndGetsARoutingIdentity) {
  const ZapReply reply = ask(curve_request(bob_).set(1, "id 7"));
  EXPECT_EQ(reply.status, ZapStatus::kAdmitted);
  EXPECT_EQ(reply.user_id, bob_.z85());
  EXPECT_EQ(as_text(reply.request_id), "id 7");

  ByteBuffer expected{8};
  append(expected, as_bytes("Identity"));
  append(expected, ByteBuffer{0, 0, 0, 16});
  append(expected, kIdentity);
  EXPECT_EQ(reply.metadata, expected);

  const auto frames = encode_zap_reply(reply);
  EXPECT_EQ(as_text(frames[0]), "1.0");
  EXPECT_EQ(as_text(frames[1]), "id 7");
  EXPECT_EQ(as_text(frames[2]), "200");
  EXPECT_EQ(as_text(frames[4]), bob_.z85());
  EXPECT_EQ(frames[5], expected);
}

// Goal: no bytes crash the parser, and none but the admitted key's enter.
// Method: one whole request with random changes of octets, lengths and order of frames; the
//         generator is seeded, so a failure replays.
TEST_F(Zap, NoChangedRequestEntersAsAnybodyElse) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Request request = curve_request(stranger_);
    for (unsigned change = 0; change <= random() % 4; ++change) {
      ByteBuffer& frame = request.frames[random() % request.frames.size()];
      switch (random() % 4) {
        case 0:
          if (!frame.empty()) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
          break;
        case 1:
          frame.resize(random() % 300);
          break;
        case 2:
          frame.swap(request.frames[random() % request.frames.size()]);
          break;
        default:
          request.frames.emplace_back(random() % 40);
      }
    }
    expect_not_admitted(ask(request));
  }
}

TEST(RoutingIdentity, IsNeverTheSameAndNeverBeginsWithZero) {
  std::set<RoutingIdentity> seen;
  for (int i = 0; i < 2'000; ++i) {
    const RoutingIdentity identity = random_routing_identity();
    EXPECT_NE(identity[0], 0);
    seen.insert(identity);
  }
  EXPECT_EQ(seen.size(), 2'000U);
}

TEST(ZmtpProperty, LengthsAreOneOctetAndFourBigEndian) {
  ByteBuffer bytes;
  append_zmtp_property(bytes, "A", ByteBuffer(258, 9));
  ASSERT_EQ(bytes.size(), 1U + 1 + 4 + 258);
  EXPECT_EQ(ByteBuffer(bytes.begin(), bytes.begin() + 7), (ByteBuffer{1, 'A', 0, 0, 1, 2, 9}));
}

}  // namespace
}  // namespace capstan
