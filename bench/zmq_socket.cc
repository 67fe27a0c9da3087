#include "zmq_socket.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "capstan/base/check.h"

namespace capstan::bench {
namespace {

// Above every window of the grid, in messages: libzmq never has to refuse or drop one.
constexpr int kHighWaterMark = 4096;

// Long enough for a last acknowledgement to leave, short enough that no run hangs in it.
constexpr int kLingerMs = 2000;

constexpr int kBacklog = 128;

Error zmq_error(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + zmq_strerror(zmq_errno())};
}

}  // namespace

Message::Message(std::size_t size) { CAPSTAN_CHECK(zmq_msg_init_size(&part_, size) == 0); }

Message::Message(Bytes bytes) : Message(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data(), bytes.data(), bytes.size());
}

Message::Message(Message&& other) noexcept : Message() { zmq_msg_move(&part_, &other.part_); }

Message& Message::operator=(Message&& other) noexcept {
  if (this != &other) zmq_msg_move(&part_, &other.part_);
  return *this;
}

Bytes Message::bytes() const {
  return {static_cast<const std::uint8_t*>(zmq_msg_data(&part_)), zmq_msg_size(&part_)};
}

CurveKeys make_curve_keys() {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  CAPSTAN_CHECK(zmq_curve_keypair(public_key.data(), secret_key.data()) == 0);
  return {public_key.data(), secret_key.data()};
}

Context::Context() : handle_(zmq_ctx_new()) { CAPSTAN_CHECK(handle_ != nullptr); }

Context::~Context() { zmq_ctx_term(handle_); }

Result<std::unique_ptr<Socket>> Socket::make(const Context& context, int type) {
  void* handle = zmq_socket(context.handle(), type);
  if (handle == nullptr) return zmq_error("open a socket");
  std::unique_ptr<Socket> socket(new Socket(handle));
  socket->set(ZMQ_SNDHWM, kHighWaterMark);
  socket->set(ZMQ_RCVHWM, kHighWaterMark);
  socket->set(ZMQ_LINGER, kLingerMs);
  return socket;
}

Result<std::unique_ptr<Socket>> Socket::bind_router(const Context& context,
                                                    const std::optional<CurveKeys>& keys) {
  auto socket = make(context, ZMQ_ROUTER);
  if (!socket) return socket;
  Socket& router = *socket.value();
  router.set(ZMQ_ROUTER_MANDATORY, 1);
  router.set(ZMQ_BACKLOG, kBacklog);
  if (keys) {
    router.set(ZMQ_CURVE_SERVER, 1);
    router.set(ZMQ_CURVE_SECRETKEY, keys->secret_key);
  }
  if (zmq_bind(router.handle(), "tcp://127.0.0.1:*") != 0) return zmq_error("bind on loopback");
  return socket;
}

Result<std::unique_ptr<Socket>> Socket::connect_dealer(const Context& context,
                                                       const std::string& endpoint,
                                                       const std::string& hub_public_key) {
  auto socket = make(context, ZMQ_DEALER);
  if (!socket) return socket;
  Socket& dealer = *socket.value();
  if (!hub_public_key.empty()) {
    const CurveKeys own = make_curve_keys();
    dealer.set(ZMQ_CURVE_SERVERKEY, hub_public_key);
    dealer.set(ZMQ_CURVE_PUBLICKEY, own.public_key);
    dealer.set(ZMQ_CURVE_SECRETKEY, own.secret_key);
  }
  if (zmq_connect(dealer.handle(), endpoint.c_str()) != 0) return zmq_error("connect " + endpoint);
  return socket;
}

Socket::~Socket() { zmq_close(handle_); }

Status Socket::send(Message part, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  if (zmq_msg_send(part.part(), handle_, flags) < 0) return zmq_error("send");
  return {};
}

std::optional<Message> Socket::receive() {
  Message part;
  if (zmq_msg_recv(part.part(), handle_, ZMQ_DONTWAIT) >= 0) return part;
  CAPSTAN_CHECK(zmq_errno() == EAGAIN || zmq_errno() == EINTR);
  return std::nullopt;
}

std::string Socket::endpoint() const {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  CAPSTAN_CHECK(zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0);
  return text.data();
}

void Socket::set(int option, int value) {
  CAPSTAN_CHECK(zmq_setsockopt(handle_, option, &value, sizeof value) == 0);
}

void Socket::set(int option, const std::string& text) {
  CAPSTAN_CHECK(zmq_setsockopt(handle_, option, text.data(), text.size()) == 0);
}

}  // namespace capstan::bench
