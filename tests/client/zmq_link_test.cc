#include "capstan/client/zmq_link.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <string>
#include <thread>

namespace capstan {
namespace {

constexpr int kPatienceMs = 10'000;

/// A bare ROUTER in the same context, on a port that the system picks.
class Router {
 public:
  Router(const std::shared_ptr<ZmqContext>& context, const KeyPair* curve = nullptr)
      : socket_(zmq_socket(context->handle(), ZMQ_ROUTER)) {
    const int wait = kPatienceMs;
    const int none = 0;
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
    if (curve != nullptr) {
      const int server = 1;
      zmq_setsockopt(socket_, ZMQ_CURVE_SERVER, &server, sizeof server);
      zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, curve->secret_key.view().data(), kKeyBytes);
    }
    EXPECT_EQ(zmq_bind(socket_, "tcp://127.0.0.1:*"), 0);
    std::array<char, 256> text{};
    std::size_t size = text.size();
    zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size);
    endpoint_ = text.data();
  }
  ~Router() { close(); }
  void close() {
    if (socket_ != nullptr) zmq_close(socket_);
    socket_ = nullptr;
  }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

  std::string receive() {
    peer_ = part();
    return part();
  }
  void answer(std::string_view text) {
    zmq_send(socket_, peer_.data(), peer_.size(), ZMQ_SNDMORE);
    zmq_send(socket_, text.data(), text.size(), 0);
  }

 private:
  std::string part() {
    zmq_msg_t message;
    zmq_msg_init(&message);
    zmq_msg_recv(&message, socket_, 0);
    std::string text(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return text;
  }
  void* socket_;
  std::string endpoint_;
  std::string peer_;
};

std::unique_ptr<Link> link_to(const std::shared_ptr<ZmqContext>& context,
                              const std::string& endpoint, std::optional<PublicKey> hub_key = {}) {
  return *make_zmq_link(context, endpoint, hub_key, generate_key_pair());
}

/// The next event; fails the test when none comes.
LinkEvent next(Link& link) {
  for (int i = 0; i < 100; ++i) {
    std::vector<LinkEvent> events = link.wait(kPatienceMs);
    if (!events.empty()) return events.front();
  }
  ADD_FAILURE() << "no event";
  return LinkDisconnected{};
}

ByteBuffer bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

void exchange(Link& link, Router& router) {
  ASSERT_TRUE(link.connect().ok());
  ASSERT_TRUE(std::holds_alternative<LinkConnected>(next(link)));
  const std::string large(100'000, 'x');
  ASSERT_TRUE(link.send(bytes_of("small")));
  ASSERT_TRUE(link.send(bytes_of(large)));
  EXPECT_EQ(router.receive(), "small");
  EXPECT_EQ(router.receive(), large);
  router.answer("back");
  const LinkEvent event = next(link);
  const auto* body = std::get_if<LinkBody>(&event);
  ASSERT_NE(body, nullptr);
  EXPECT_EQ(as_text(body->bytes), "back");
}

TEST(ZmqLink, CarriesBodiesBothWays) {
  const auto context = *ZmqContext::make();
  Router router(context);
  exchange(*link_to(context, router.endpoint()), router);
}

TEST(ZmqLink, CarriesBodiesUnderCurve) {
  const auto context = *ZmqContext::make();
  const KeyPair hub = generate_key_pair();
  Router router(context, &hub);
  exchange(*link_to(context, router.endpoint(), hub.public_key), router);
}

TEST(ZmqLink, AWrongHubKeyDisconnects) {
  const auto context = *ZmqContext::make();
  const KeyPair hub = generate_key_pair();
  Router router(context, &hub);
  const auto link = link_to(context, router.endpoint(), generate_key_pair().public_key);
  ASSERT_TRUE(link->connect().ok());
  const LinkEvent event = next(*link);
  const auto* gone = std::get_if<LinkDisconnected>(&event);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(gone->error.code, ErrorCode::kUnavailable);
  EXPECT_NE(gone->error.context.find("wrong hub key?"), std::string::npos) << gone->error.text();
}

/// A port that is taken by a socket that does not listen: connecting to it is refused at once.
class DeadPort {
 public:
  DeadPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  ~DeadPort() { close(socket_); }
  [[nodiscard]] std::string endpoint() const {
    return "tcp://127.0.0.1:" + std::to_string(ntohs(address_.sin_port));
  }

 private:
  int socket_;
  sockaddr_in address_{};
};

TEST(ZmqLink, NobodyListeningDisconnects) {
  const auto context = *ZmqContext::make();
  const DeadPort port;
  const auto link = link_to(context, port.endpoint());
  ASSERT_TRUE(link->connect().ok());
  const LinkEvent event = next(*link);
  const auto* gone = std::get_if<LinkDisconnected>(&event);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(gone->error.code, ErrorCode::kUnavailable);
}

/// Answers one ZAP request with `status`.
void answer_zap(void* handler, std::string_view status) {
  std::array<char, 256> part{};
  int more = 1;
  for (std::size_t size = sizeof more; more != 0;) {
    ASSERT_GE(zmq_recv(handler, part.data(), part.size(), 0), 0);
    ASSERT_EQ(zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size), 0);
  }
  for (const std::string_view answer : {std::string_view("1.0"), std::string_view("1"), status,
                                        std::string_view("no"), std::string_view()}) {
    ASSERT_GE(zmq_send(handler, answer.data(), answer.size(), ZMQ_SNDMORE), 0);
  }
  ASSERT_GE(zmq_send(handler, "", 0, 0), 0);
}

TEST(ZmqLink, AKeyThatIsNotAdmittedIsARefusedHandshake) {
  const auto context = *ZmqContext::make();
  void* const handler = zmq_socket(context->handle(), ZMQ_REP);
  ASSERT_EQ(zmq_bind(handler, "inproc://zeromq.zap.01"), 0);
  const KeyPair hub = generate_key_pair();
  Router router(context, &hub);
  const auto link = link_to(context, router.endpoint(), hub.public_key);
  ASSERT_TRUE(link->connect().ok());
  answer_zap(handler, "400");
  const LinkEvent event = next(*link);
  zmq_close(handler);
  const auto* gone = std::get_if<LinkDisconnected>(&event);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(gone->error.code, ErrorCode::kRefusedHandshake);
}

TEST(ZmqLink, AHubThatGoesDisconnectsAndANewConnectWorks) {
  const auto context = *ZmqContext::make();
  Router router(context);
  const auto link = link_to(context, router.endpoint());
  exchange(*link, router);
  link->disconnect();
  exchange(*link, router);
  router.close();
  const LinkEvent event = next(*link);
  ASSERT_TRUE(std::holds_alternative<LinkDisconnected>(event));
}

TEST(ZmqLink, ABadEndpointIsAnError) {
  const auto context = *ZmqContext::make();
  EXPECT_EQ(link_to(context, "nonsense")->connect().error().code, ErrorCode::kInvalidArgument);
}

TEST(ZmqLink, AnotherThreadEndsTheWait) {
  const auto context = *ZmqContext::make();
  const auto link = link_to(context, "tcp://127.0.0.1:1");
  std::thread other([&] { link->wake(); });
  EXPECT_TRUE(link->wait(-1).empty());
  other.join();
}

// Goal: a full pipe keeps the body with the caller, and tells when there is room.
TEST(ZmqLink, AFullPipeKeepsTheBody) {
  const auto context = *ZmqContext::make();
  Router router(context);
  const auto link = link_to(context, router.endpoint());
  ASSERT_TRUE(link->connect().ok());
  ASSERT_TRUE(std::holds_alternative<LinkConnected>(next(*link)));
  std::size_t sent = 0;
  ByteBuffer body;
  while (true) {
    body = ByteBuffer(64 * 1024, static_cast<std::uint8_t>(sent));
    // A refused body stays with the caller: that is what this test is about.
    if (!link->send(std::move(body))) break;  // NOLINT(bugprone-use-after-move)
    ++sent;
  }
  ASSERT_EQ(body.size(), 64U * 1024);  // NOLINT(bugprone-use-after-move)
  for (std::size_t i = 0; i < sent; ++i) {
    ASSERT_EQ(router.receive()[0], static_cast<char>(static_cast<std::uint8_t>(i)));
  }
  (void)link->wait(kPatienceMs);
  EXPECT_TRUE(link->send(std::move(body)));
}

}  // namespace
}  // namespace capstan
