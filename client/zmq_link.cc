#include "capstan/client/zmq_link.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/codec/limits.h"

namespace capstan {
namespace {

constexpr int kWatermark = 1000;
constexpr int kConnectTimeoutMs = 5000;
constexpr int kLingerMs = 500;
constexpr int kBodiesPerWaitMax = 64;  // so that receipts and posts get their turn
constexpr int kReconnectNever = -1;
constexpr std::size_t kLentBytesMin = 1024;  // below, a copy is cheaper than lending

constexpr int kMonitored = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED |
                           ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED;

struct CloseSocket {
  void operator()(void* socket) const { zmq_close(socket); }
};
using Socket = std::unique_ptr<void, CloseSocket>;

/// A received message; its bytes are used in place.
struct Message {
  Message() { zmq_msg_init(&raw); }
  ~Message() { zmq_msg_close(&raw); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  zmq_msg_t raw;
};

struct MonitorEvent {
  int id = 0;
  std::uint32_t value = 0;
};

void delete_buffer(void*, void* buffer) { delete static_cast<ByteBuffer*>(buffer); }

class ZmqLink final : public Link {
 public:
  ZmqLink(std::shared_ptr<ZmqContext> context, std::string endpoint,
          std::optional<PublicKey> hub_key, KeyPair keys, int wake_fd)
      : context_(std::move(context)),
        endpoint_(std::move(endpoint)),
        hub_key_(hub_key),
        keys_(std::move(keys)),
        wake_fd_(wake_fd) {}

  ~ZmqLink() override {
    disconnect();
    close(wake_fd_);
  }

  Status connect() override {
    disconnect();
    Socket socket(zmq_socket(context_->handle(), ZMQ_DEALER));
    if (!socket) return failed(ErrorCode::kIo, "no ZeroMQ socket");
    if (Status set = configure(socket.get()); !set.ok()) return set;
    if (Status watched = monitor(socket.get()); !watched.ok()) return watched;
    if (zmq_connect(socket.get(), endpoint_.c_str()) != 0) {
      zmq_socket_monitor(socket.get(), nullptr, 0);
      return failed(ErrorCode::kInvalidArgument, "cannot connect to " + endpoint_);
    }
    socket_ = std::move(socket);
    return {};
  }

  bool send(ByteBuffer&& body) override {
    if (!socket_ || body.empty()) return true;  // no connection: nothing that is sent arrives
    if (body.size() < kLentBytesMin)
      return sent(zmq_send(socket_.get(), body.data(), body.size(), ZMQ_DONTWAIT));
    auto owned = std::make_unique<ByteBuffer>(std::move(body));
    zmq_msg_t message;
    CAPSTAN_CHECK(
        zmq_msg_init_data(&message, owned->data(), owned->size(), delete_buffer, owned.get()) == 0);
    ByteBuffer* const lent = owned.release();
    if (sent(zmq_msg_send(&message, socket_.get(), ZMQ_DONTWAIT))) return true;
    // The message still owns the buffer: take the bytes back before it frees the shell.
    body = std::move(*lent);
    zmq_msg_close(&message);
    return false;
  }

  std::vector<LinkEvent> wait(int timeout_ms) override {
    std::array<zmq_pollitem_t, 3> items{};
    items[0].fd = wake_fd_;
    items[0].events = ZMQ_POLLIN;
    int count = 1;
    if (socket_) {
      items[1].socket = socket_.get();
      items[1].events = static_cast<short>(blocked_ ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
      items[2].socket = monitor_.get();
      items[2].events = ZMQ_POLLIN;
      count = 3;
    }
    if (zmq_poll(items.data(), count, timeout_ms) <= 0) return {};
    if ((items[0].revents & ZMQ_POLLIN) != 0) drain_wakes();
    blocked_ = false;  // whoever still has something to send tries again, and is told
    return socket_ ? collect() : std::vector<LinkEvent>{};
  }

  void wake() override {
    const std::uint64_t one = 1;
    // The counter is full only when a wake is pending anyway.
    if (write(wake_fd_, &one, sizeof one) < 0) return;
  }

  void disconnect() override {
    blocked_ = false;
    shaken_hands_ = false;
    if (!socket_) return;
    zmq_socket_monitor(socket_.get(), nullptr, 0);
    socket_.reset();
    monitor_.reset();
  }

 private:
  /// An error other than "full" means that the connection is gone, which the monitor will tell.
  bool sent(int result) {
    if (result >= 0) return true;
    blocked_ = true;
    return false;
  }

  static Status failed(ErrorCode code, const std::string& what) {
    return {code, what + ": " + zmq_strerror(errno)};
  }

  Status configure(void* socket) const {
    const auto set = [socket](int option, int value) {
      CAPSTAN_CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
    };
    set(ZMQ_IMMEDIATE, 1);
    set(ZMQ_LINGER, kLingerMs);
    set(ZMQ_SNDHWM, kWatermark);
    set(ZMQ_RCVHWM, kWatermark);
    set(ZMQ_CONNECT_TIMEOUT, kConnectTimeoutMs);
    set(ZMQ_HANDSHAKE_IVL, kConnectTimeoutMs);
    set(ZMQ_RECONNECT_IVL, kReconnectNever);
    set(ZMQ_IPV6, 1);
    const std::int64_t bytes_max = kBatchBytesMax + 64;  // CURVE boxes each body part
    CAPSTAN_CHECK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0);
    return hub_key_ ? configure_curve(socket) : Status{};
  }

  Status configure_curve(void* socket) const {
    const Bytes secret = keys_.secret_key.view();
    const auto& own = keys_.public_key.bytes;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, hub_key_->bytes.data(), kKeyBytes) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own.data(), own.size()) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret.data(), secret.size()) != 0) {
      return failed(ErrorCode::kInvalidArgument, "libzmq does not take these CURVE keys");
    }
    return {};
  }

  /// Before zmq_connect, and without a mark: a monitor that nobody reads blocks libzmq itself.
  Status monitor(void* socket) {
    const std::string address = "inproc://capstan-link-monitor-" +
                                std::to_string(reinterpret_cast<std::uintptr_t>(this)) + "-" +
                                std::to_string(++attempts_);
    if (zmq_socket_monitor(socket, address.c_str(), kMonitored) != 0) {
      return failed(ErrorCode::kIo, "no socket monitor");
    }
    monitor_.reset(zmq_socket(context_->handle(), ZMQ_PAIR));
    const int no_mark = 0;
    if (!monitor_ || zmq_setsockopt(monitor_.get(), ZMQ_RCVHWM, &no_mark, sizeof no_mark) != 0 ||
        zmq_setsockopt(monitor_.get(), ZMQ_LINGER, &no_mark, sizeof no_mark) != 0 ||
        zmq_connect(monitor_.get(), address.c_str()) != 0) {
      Status status = failed(ErrorCode::kIo, "no reader for the socket monitor");
      zmq_socket_monitor(socket, nullptr, 0);
      return status;
    }
    return {};
  }

  /// Connected before the bodies, disconnected after the last one: libzmq reports the end only when
  /// everything that it had read is in the pipe.
  std::vector<LinkEvent> collect() {
    std::vector<LinkEvent> events;
    std::optional<Error> end;
    while (!end) {
      const auto event = next_monitor_event();
      if (!event) break;
      if (event->id == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        shaken_hands_ = true;
        events.emplace_back(LinkConnected{});
      } else {
        end = ending(*event);
      }
    }
    receive(end ? -1 : kBodiesPerWaitMax, events);
    if (end) {
      disconnect();
      events.emplace_back(LinkDisconnected{*std::move(end)});
    }
    return events;
  }

  void receive(int bodies_max, std::vector<LinkEvent>& events) {
    for (int i = 0; i != bodies_max; ++i) {
      auto message = std::make_shared<Message>();
      if (zmq_msg_recv(&message->raw, socket_.get(), ZMQ_DONTWAIT) < 0) return;
      const Bytes bytes{static_cast<const std::uint8_t*>(zmq_msg_data(&message->raw)),
                        zmq_msg_size(&message->raw)};
      events.emplace_back(LinkBody{bytes, std::move(message)});
    }
  }

  std::optional<MonitorEvent> next_monitor_event() {
    Message head;
    if (zmq_msg_recv(&head.raw, monitor_.get(), ZMQ_DONTWAIT) < 0) return std::nullopt;
    MonitorEvent event;
    std::uint16_t id = 0;
    if (zmq_msg_size(&head.raw) >= sizeof id + sizeof event.value) {
      const auto* const bytes = static_cast<const std::uint8_t*>(zmq_msg_data(&head.raw));
      std::memcpy(&id, bytes, sizeof id);
      std::memcpy(&event.value, bytes + sizeof id, sizeof event.value);
    }
    event.id = id;
    if (zmq_msg_more(&head.raw) != 0) {
      Message address;
      (void)zmq_msg_recv(&address.raw, monitor_.get(), ZMQ_DONTWAIT);
    }
    return event;
  }

  Error ending(const MonitorEvent& event) const {
    if (event.id == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event.value == 400) {
      return {ErrorCode::kRefusedHandshake, "the hub at " + endpoint_ + " does not admit this key"};
    }
    if (event.id == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      return {ErrorCode::kUnavailable, "the hub at " + endpoint_ + " cannot check keys now (" +
                                           std::to_string(event.value) + ")"};
    }
    if (event.id == ZMQ_EVENT_CLOSED || event.id == ZMQ_EVENT_CONNECT_RETRIED) {
      return {ErrorCode::kUnavailable, "no hub answers at " + endpoint_};
    }
    if (!shaken_hands_) {
      return {ErrorCode::kUnavailable,
              "the handshake with " + endpoint_ + " failed: wrong hub key?"};
    }
    return {ErrorCode::kUnavailable, "the connection to " + endpoint_ + " was lost"};
  }

  void drain_wakes() const {
    std::uint64_t count = 0;
    if (read(wake_fd_, &count, sizeof count) < 0) return;  // another read was faster: none is left
  }

  std::shared_ptr<ZmqContext> context_;
  std::string endpoint_;
  std::optional<PublicKey> hub_key_;
  KeyPair keys_;
  int wake_fd_;
  Socket socket_;
  Socket monitor_;
  std::uint64_t attempts_ = 0;
  bool blocked_ = false;
  bool shaken_hands_ = false;
};

}  // namespace

Result<std::shared_ptr<ZmqContext>> ZmqContext::make() {
  void* const handle = zmq_ctx_new();
  if (handle == nullptr) return {ErrorCode::kIo, "no ZeroMQ context"};
  return std::shared_ptr<ZmqContext>(new ZmqContext(handle));
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(handle_) != 0 && errno == EINTR) {
  }
}

Result<std::unique_ptr<Link>> make_zmq_link(std::shared_ptr<ZmqContext> context,
                                            std::string endpoint, std::optional<PublicKey> hub_key,
                                            KeyPair keys) {
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return {ErrorCode::kIo, "no eventfd for the link"};
  return std::unique_ptr<Link>(std::make_unique<ZmqLink>(std::move(context), std::move(endpoint),
                                                         hub_key, std::move(keys), wake_fd));
}

}  // namespace capstan
