// Real libzmq sockets on free loopback ports, with the settings of the hub's own socket.
#include "auth/auth_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "auth/self_test.h"
#include "auth/server_socket_options.h"
#include "capstan/security/key.h"

namespace capstan {
namespace {

using std::chrono::milliseconds;

constexpr int kPatienceMs = 10'000;
constexpr int kZapEnforceDomain = 93;

/// Waits until the socket has something to read; false after kPatienceMs.
bool readable(zmq::socket_t& socket) {
  zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  return zmq::poll(&item, 1, milliseconds(kPatienceMs)) == 1;
}

struct Heard {
  std::string routing_id;
  std::string body;
  std::optional<std::string> user_id;  ///< Of the body frame.
};

/// A ROUTER with the hub's settings, bound on a free port.
class Server {
 public:
  Server(zmq::context_t& context, const ServerSecurity& security)
      : socket_(context, zmq::socket_type::router) {
    const Status applied = apply_server_security(socket_, security);
    EXPECT_TRUE(applied.ok());
    socket_.bind("tcp://127.0.0.1:*");
  }

  [[nodiscard]] std::string endpoint() const { return socket_.get(zmq::sockopt::last_endpoint); }

  std::optional<Heard> hear() {
    if (!readable(socket_)) return std::nullopt;
    return hear_now();
  }

  std::optional<Heard> hear_now() {
    zmq::message_t routing_id;
    zmq::message_t body;
    if (!socket_.recv(routing_id, zmq::recv_flags::dontwait)) return std::nullopt;
    if (!socket_.recv(body, zmq::recv_flags::dontwait)) return std::nullopt;
    const char* const user = zmq_msg_gets(body.handle(), "User-Id");
    return Heard{routing_id.to_string(), body.to_string(),
                 user == nullptr ? std::nullopt : std::optional<std::string>(user)};
  }

 private:
  zmq::socket_t socket_;
};

/// A DEALER with a monitor: what the handshake came to.
class Client {
 public:
  explicit Client(zmq::context_t& context)
      : socket_(context, zmq::socket_type::dealer), monitor_(context, zmq::socket_type::pair) {
    static std::atomic<int> counter = 0;
    const std::string place = "inproc://test-monitor-" + std::to_string(++counter);
    EXPECT_EQ(zmq_socket_monitor(socket_.handle(), place.c_str(), ZMQ_EVENT_ALL), 0);
    monitor_.connect(place);
    socket_.set(zmq::sockopt::linger, 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

  Client& use_curve(const KeyPair& own, const PublicKey& hub) {
    const auto set = [&](int option, Bytes key) {
      EXPECT_EQ(zmq_setsockopt(socket_.handle(), option, key.data(), key.size()), 0);
    };
    set(ZMQ_CURVE_SERVERKEY, hub.bytes);
    set(ZMQ_CURVE_PUBLICKEY, own.public_key.bytes);
    set(ZMQ_CURVE_SECRETKEY, own.secret_key.view());
    return *this;
  }

  Client& connect_and_send(const std::string& endpoint, std::string_view text) {
    socket_.connect(endpoint);
    socket_.send(zmq::buffer(text), zmq::send_flags::none);
    return *this;
  }

  struct Outcome {
    std::uint16_t event = 0;
    std::uint32_t value = 0;
  };

  /// The first event that says how a handshake ended; event 0 after kPatienceMs.
  Outcome handshake() {
    while (readable(monitor_)) {
      zmq::message_t event;
      zmq::message_t address;
      EXPECT_TRUE(monitor_.recv(event).has_value());
      EXPECT_TRUE(monitor_.recv(address).has_value());
      Outcome outcome;
      std::memcpy(&outcome.event, event.data(), sizeof outcome.event);
      std::memcpy(&outcome.value, event.data<char>() + sizeof outcome.event, sizeof outcome.value);
      constexpr int kEnds = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
      if ((outcome.event & kEnds) != 0) return outcome;
    }
    return {};
  }

 private:
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
};

class Auth : public testing::Test {
 protected:
  void start(Encryption encryption) {
    auto started = AuthThread::start(context_, store_, encryption);
    ASSERT_TRUE(started.ok()) << started.error().text();
    auth_ = std::move(started).value();
  }

  [[nodiscard]] ServerSecurity curve() const {
    ServerSecurity security;
    security.hub_key = &hub_.secret_key;
    security.message_bytes_max = 1024 * 1024;
    return security;
  }
  [[nodiscard]] static ServerSecurity null() {
    ServerSecurity security;
    security.encryption = Encryption::kNone;
    security.message_bytes_max = 1024 * 1024;
    return security;
  }

  const KeyPair hub_ = generate_key_pair();
  const KeyPair bob_ = generate_key_pair();
  const KeyPair stranger_ = generate_key_pair();
  CredentialStore store_{
      CredentialSnapshot::build({{"bob", bob_.public_key, {"bob"}, Role::kAgent}}).value()};
  zmq::context_t context_;
  std::unique_ptr<AuthThread> auth_;
};

TEST_F(Auth, AStrangerIsRefusedForGoodAndCounted) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  Client client(context_);
  client.use_curve(stranger_, hub_.public_key).connect_and_send(server.endpoint(), "let me in");
  const auto outcome = client.handshake();
  EXPECT_EQ(outcome.event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
  EXPECT_EQ(outcome.value, 400U);
  EXPECT_EQ(auth_->refused_handshakes(), 1U);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, ANullClientDoesNotGetIntoACurveServer) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  Client client(context_);
  client.connect_and_send(server.endpoint(), "let me in");
  const auto outcome = client.handshake();
  EXPECT_NE(outcome.event, 0);
  EXPECT_NE(outcome.event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, AClientThatExpectsAnotherHubDoesNotTalkToThisOne) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  Client client(context_);
  client.use_curve(bob_, stranger_.public_key).connect_and_send(server.endpoint(), "secret");
  const auto outcome = client.handshake();
  EXPECT_NE(outcome.event, 0);
  EXPECT_NE(outcome.event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, AnAdmittedKeyEntersAndIsNamedOnItsMessage) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  Client client(context_);
  client.use_curve(bob_, hub_.public_key).connect_and_send(server.endpoint(), "hello");
  const auto heard = server.hear();
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->body, "hello");
  EXPECT_EQ(heard->user_id, bob_.public_key.z85());
  // Ours, or libzmq's own when its race went the other way.
  EXPECT_TRUE(heard->routing_id.size() == 16 || heard->routing_id.size() == 5);
  EXPECT_EQ(auth_->refused_handshakes(), 0U);
}

TEST_F(Auth, ManyAtOnceGetWhatEachDeserves) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  constexpr std::size_t kPairs = 16;
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kPairs; ++i) {
    for (const KeyPair* key : {&bob_, &stranger_}) {
      clients.push_back(std::make_unique<Client>(context_));
      clients.back()->use_curve(*key, hub_.public_key).connect_and_send(server.endpoint(), "hi");
    }
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i]->handshake().event,
              i % 2 == 0 ? ZMQ_EVENT_HANDSHAKE_SUCCEEDED : ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
  }
  for (std::size_t i = 0; i < kPairs; ++i) {
    const auto heard = server.hear();
    ASSERT_TRUE(heard.has_value());
    EXPECT_EQ(heard->user_id, bob_.public_key.z85());
  }
  EXPECT_FALSE(server.hear_now().has_value());
  EXPECT_EQ(auth_->refused_handshakes(), kPairs);
}

TEST_F(Auth, AChangeOfTheListHoldsForTheNextHandshake) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  store_.replace(store_.current()->without("bob"));
  Client removed(context_);
  removed.use_curve(bob_, hub_.public_key).connect_and_send(server.endpoint(), "hello");
  EXPECT_EQ(removed.handshake().event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);

  store_.replace(
      store_.current()->with({"new", stranger_.public_key, {"new"}, Role::kAgent}).value());
  Client added(context_);
  added.use_curve(stranger_, hub_.public_key).connect_and_send(server.endpoint(), "hello");
  EXPECT_EQ(added.handshake().event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

TEST_F(Auth, WithoutCurveEverybodyIsNamedNull) {
  start(Encryption::kNone);
  Server server(context_, null());
  Client client(context_);
  client.connect_and_send(server.endpoint(), "hello");
  const auto heard = server.hear();
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->user_id, "null");
}

TEST_F(Auth, AServerThatForgotCurveLetsNobodyInWhileTheHandlerWantsCurve) {
  start(Encryption::kCurve);
  Server server(context_, null());
  Client client(context_);
  client.connect_and_send(server.endpoint(), "hello");
  EXPECT_EQ(client.handshake().event, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, AMessageAboveTheLimitEndsTheConnectionAndOneAtTheLimitArrives) {
  start(Encryption::kCurve);
  ServerSecurity security = curve();
  security.message_bytes_max = 1000;
  Server server(context_, security);
  Client good(context_);
  good.use_curve(bob_, hub_.public_key).connect_and_send(server.endpoint(), std::string(1000, 'x'));
  const auto heard = server.hear();
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->body.size(), 1000U);

  Client bad(context_);
  bad.use_curve(bob_, hub_.public_key).connect_and_send(server.endpoint(), std::string(1001, 'x'));
  // The handshake succeeds, the message ends the connection, and the client comes back.
  EXPECT_EQ(bad.handshake().event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  EXPECT_EQ(bad.handshake().event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, OneContextHasOneHandler) {
  start(Encryption::kCurve);
  const auto second = AuthThread::start(context_, store_, Encryption::kCurve);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  auth_.reset();
  start(Encryption::kCurve);
}

TEST_F(Auth, WhenTheThreadHasEndedNobodyEnters) {
  start(Encryption::kCurve);
  Server server(context_, curve());
  auth_.reset();
  Client client(context_);
  client.use_curve(bob_, hub_.public_key).connect_and_send(server.endpoint(), "hello");
  const auto outcome = client.handshake();
  EXPECT_NE(outcome.event, 0);
  EXPECT_NE(outcome.event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
  EXPECT_FALSE(server.hear_now().has_value());
}

TEST_F(Auth, MalformedRequestsAreAnsweredAndTheHandlerGoesOn) {
  start(Encryption::kCurve);
  zmq::socket_t asker(context_, zmq::socket_type::req);
  asker.connect("inproc://zeromq.zap.01");
  for (const int count : {1, 2, 5, 6, 7, 9, 200}) {
    for (int i = 0; i < count; ++i) {
      asker.send(zmq::str_buffer("1.0"),
                 i + 1 < count ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
    ASSERT_TRUE(readable(asker)) << count;
    std::vector<std::string> reply;
    zmq::message_t frame;
    do {
      ASSERT_TRUE(asker.recv(frame).has_value());
      reply.push_back(frame.to_string());
    } while (frame.more());
    ASSERT_EQ(reply.size(), 6U);
    EXPECT_NE(reply[2], "200");
    EXPECT_EQ(reply[4], "");
  }
  EXPECT_EQ(auth_->refused_handshakes(), 7U);
  EXPECT_TRUE(auth_->running());
  EXPECT_TRUE(auth_->self_test(curve()).ok());
}

TEST_F(Auth, SelfTestPassesAndIsNotCounted) {
  start(Encryption::kCurve);
  const Status tested = auth_->self_test(curve());
  EXPECT_TRUE(tested.ok()) << tested.error().text();
  EXPECT_EQ(auth_->refused_handshakes(), 0U);
}

TEST_F(Auth, SelfTestPassesWithoutCurve) {
  start(Encryption::kNone);
  EXPECT_TRUE(auth_->self_test(null()).ok());
}

// The ways in which the door can be wrong; each must be seen.

TEST_F(Auth, SelfTestFailsWhereNobodyAsksAHandler) {
  ServerSecurity open = curve();
  open.enforcement = ZapEnforcement::kFailOpenForTest;
  const Status tested = require_refusal(context_, open, stranger_);
  ASSERT_FALSE(tested.ok());
  EXPECT_EQ(tested.error().code, ErrorCode::kWrongState);
  EXPECT_NE(tested.error().context.find("stranger"), std::string::npos);

  ServerSecurity open_null = null();
  open_null.enforcement = ZapEnforcement::kFailOpenForTest;
  EXPECT_EQ(require_null_user(context_, open_null).error().code, ErrorCode::kWrongState);
}

TEST_F(Auth, SelfTestFailsWhereTheHandlerIsMissing) {
  const Status tested = require_refusal(context_, curve(), stranger_);
  ASSERT_FALSE(tested.ok());
  EXPECT_EQ(tested.error().code, ErrorCode::kWrongState);
  EXPECT_NE(tested.error().context.find("no handler"), std::string::npos);
  EXPECT_FALSE(require_null_user(context_, null(), 200).ok());
}

/// Some other handler in the place of ours.
class OtherHandler {
 public:
  OtherHandler(zmq::context_t& context, std::string_view status)
      : socket_(context, zmq::socket_type::rep), status_(status) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, 20);
    socket_.bind("inproc://zeromq.zap.01");
    thread_ = std::thread([this] { run(); });
  }
  OtherHandler(const OtherHandler&) = delete;
  OtherHandler& operator=(const OtherHandler&) = delete;
  ~OtherHandler() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    while (!stop_) {
      zmq::message_t frame;
      if (!socket_.recv(frame)) continue;
      while (frame.more()) static_cast<void>(socket_.recv(frame));
      for (const std::string_view text : {std::string_view("1.0"), std::string_view("1"), status_,
                                          std::string_view("OK"), std::string_view("x")}) {
        socket_.send(zmq::buffer(text), zmq::send_flags::sndmore);
      }
      socket_.send(zmq::message_t(), zmq::send_flags::none);
    }
  }

  zmq::socket_t socket_;
  const std::string_view status_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_F(Auth, SelfTestFailsWhereAHandlerAdmitsEverybody) {
  const OtherHandler other(context_, "200");
  EXPECT_EQ(require_refusal(context_, curve(), stranger_).error().code, ErrorCode::kWrongState);
  EXPECT_EQ(require_null_user(context_, null()).error().code, ErrorCode::kWrongState);
}

TEST_F(Auth, SelfTestFailsWhereAHandlerIsBroken) {
  const OtherHandler other(context_, "500");
  EXPECT_EQ(require_refusal(context_, curve(), stranger_).error().code, ErrorCode::kWrongState);
}

TEST_F(Auth, SelfTestFailsInTimeWhereAHandlerSaysNothing) {
  zmq::socket_t mute(context_, zmq::socket_type::rep);
  mute.bind("inproc://zeromq.zap.01");
  EXPECT_EQ(require_refusal(context_, curve(), stranger_, 200).error().code, ErrorCode::kTimeout);
}

TEST_F(Auth, SelfTestFailsWhereTheStrangerIsOnTheList) {
  start(Encryption::kCurve);
  EXPECT_EQ(require_refusal(context_, curve(), bob_).error().code, ErrorCode::kWrongState);
}

TEST(ServerSecurity, RefusesSettingsThatContradictThemselves) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::router);
  const KeyPair hub = generate_key_pair();
  ServerSecurity no_key;
  no_key.message_bytes_max = 1;
  ServerSecurity key_without_curve = no_key;
  key_without_curve.encryption = Encryption::kNone;
  key_without_curve.hub_key = &hub.secret_key;
  ServerSecurity no_limit;
  no_limit.hub_key = &hub.secret_key;
  for (const ServerSecurity& security : {no_key, key_without_curve, no_limit}) {
    EXPECT_EQ(apply_server_security(socket, security).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(ServerSecurity, SaysSoWhenTheSocketIsNoRouter) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::pull);
  const KeyPair hub = generate_key_pair();
  ServerSecurity security;
  security.hub_key = &hub.secret_key;
  security.message_bytes_max = 1;
  EXPECT_EQ(apply_server_security(socket, security).error().code, ErrorCode::kUnavailable);
}

TEST(ServerSecurity, EveryProtectionIsReallySet) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::router);
  const KeyPair hub = generate_key_pair();
  ServerSecurity security;
  security.hub_key = &hub.secret_key;
  security.message_bytes_max = 4096;
  ASSERT_TRUE(apply_server_security(socket, security).ok());
  const auto number = [&](int option) {
    int value = -1;
    std::size_t size = sizeof value;
    EXPECT_EQ(zmq_getsockopt(socket.handle(), option, &value, &size), 0) << option;
    return value;
  };
  EXPECT_EQ(number(ZMQ_CURVE_SERVER), 1);
  EXPECT_EQ(number(kZapEnforceDomain), 1);
  EXPECT_EQ(number(ZMQ_HANDSHAKE_IVL), 5'000);
  EXPECT_EQ(number(ZMQ_LINGER), 0);
  EXPECT_EQ(number(ZMQ_IPV6), 0);
  EXPECT_EQ(socket.get(zmq::sockopt::maxmsgsize), 4096 + kCurveFrameOverheadBytes);
  EXPECT_EQ(socket.get(zmq::sockopt::zap_domain), "capstan");
}

}  // namespace
}  // namespace capstan
