#include "auth/self_test.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "capstan/security/zap.h"

namespace capstan {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kKnock = "knock";

/// What one look at the client's monitor says.
enum class Verdict { kNone, kAdmitted, kRefused, kUnjudged };

/// The throwaway server, the stranger, and the stranger's monitor.
class Doorway {
 public:
  explicit Doorway(zmq::context_t& context)
      : server_(context, zmq::socket_type::router),
        client_(context, zmq::socket_type::dealer),
        monitor_(context, zmq::socket_type::pair) {
    client_.set(zmq::sockopt::linger, 0);
    monitor_.set(zmq::sockopt::linger, 0);
  }
  Doorway(const Doorway&) = delete;
  Doorway& operator=(const Doorway&) = delete;
  // The monitor's sender is ended before its reader, or libzmq could wait for the reader.
  ~Doorway() { zmq_socket_monitor(client_.handle(), nullptr, 0); }

  zmq::socket_t& server() { return server_; }
  zmq::socket_t& client() { return client_; }

  /// Binds, connects, and hands over one message for whenever the handshake is done.
  void knock() {
    static std::atomic<unsigned> counter = 0;
    const std::string place = "inproc://capstan.self-test." + std::to_string(++counter);
    if (zmq_socket_monitor(client_.handle(), place.c_str(), ZMQ_EVENT_ALL) != 0) {
      throw zmq::error_t();
    }
    monitor_.connect(place);
    server_.bind("tcp://127.0.0.1:*");
    client_.connect(server_.get(zmq::sockopt::last_endpoint));
    client_.send(zmq::buffer(kKnock), zmq::send_flags::none);
  }

  /// Waits for either side to say something; false when the time is over.
  bool wait(steady_clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return false;
    zmq::pollitem_t items[] = {{server_.handle(), 0, ZMQ_POLLIN, 0},
                               {monitor_.handle(), 0, ZMQ_POLLIN, 0}};
    return zmq::poll(items, 2, milliseconds(left)) > 0;
  }

  /// Whether a message arrived; its body is then in `body`.
  bool take(zmq::message_t& body) {
    zmq::message_t routing_id;
    if (!server_.recv(routing_id, zmq::recv_flags::dontwait)) return false;
    return server_.recv(body, zmq::recv_flags::dontwait).has_value();
  }

  Verdict verdict() {
    zmq::message_t event;
    zmq::message_t address;
    if (!monitor_.recv(event, zmq::recv_flags::dontwait)) return Verdict::kNone;
    static_cast<void>(monitor_.recv(address, zmq::recv_flags::dontwait));
    std::uint16_t kind = 0;
    std::uint32_t value = 0;
    if (event.size() != sizeof kind + sizeof value) return Verdict::kNone;
    std::memcpy(&kind, event.data(), sizeof kind);
    std::memcpy(&value, event.data<std::uint8_t>() + sizeof kind, sizeof value);
    switch (kind) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return Verdict::kAdmitted;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return value == static_cast<std::uint32_t>(ZapStatus::kRefused) ? Verdict::kRefused
                                                                        : Verdict::kUnjudged;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return Verdict::kUnjudged;
      default:
        return Verdict::kNone;
    }
  }

 private:
  zmq::socket_t server_;
  zmq::socket_t client_;
  zmq::socket_t monitor_;
};

Status failed(ErrorCode code, std::string_view what) {
  return {code, "self-test of the door: " + std::string(what)};
}

Status wait_for_refusal(Doorway& door, steady_clock::time_point deadline) {
  while (door.wait(deadline)) {
    zmq::message_t body;
    if (door.take(body)) return failed(ErrorCode::kWrongState, "a stranger's message arrived");
    switch (door.verdict()) {
      case Verdict::kNone:
        break;
      case Verdict::kAdmitted:
        return failed(ErrorCode::kWrongState, "a stranger was admitted");
      case Verdict::kUnjudged:
        return failed(ErrorCode::kWrongState, "no handler judged the stranger");
      case Verdict::kRefused:
        return {};
    }
  }
  return failed(ErrorCode::kTimeout, "no verdict on the stranger in time");
}

Status wait_for_null_user(Doorway& door, steady_clock::time_point deadline) {
  while (door.wait(deadline)) {
    zmq::message_t body;
    if (door.take(body)) {
      const char* const user = zmq_msg_gets(body.handle(), "User-Id");
      if (user != nullptr && user == kNullUserId) return {};
      return failed(ErrorCode::kWrongState, "no handler named the connection");
    }
    if (door.verdict() == Verdict::kUnjudged) {
      return failed(ErrorCode::kWrongState, "no handler judged the connection");
    }
  }
  return failed(ErrorCode::kTimeout, "no message in time");
}

}  // namespace

Status require_refusal(zmq::context_t& context, const ServerSecurity& security,
                       const KeyPair& stranger, int timeout_ms) try {
  const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  Doorway door(context);
  if (Status set = apply_server_security(door.server(), security); !set) return set;
  if (security.hub_key == nullptr) {
    return failed(ErrorCode::kInvalidArgument, "without CURVE nobody is a stranger");
  }
  const PublicKey hub = public_key_of(*security.hub_key);
  const auto set_key = [&](int option, Bytes key) {
    if (zmq_setsockopt(door.client().handle(), option, key.data(), key.size()) != 0) {
      throw zmq::error_t();
    }
  };
  set_key(ZMQ_CURVE_SERVERKEY, hub.bytes);
  set_key(ZMQ_CURVE_PUBLICKEY, stranger.public_key.bytes);
  set_key(ZMQ_CURVE_SECRETKEY, stranger.secret_key.view());
  door.knock();
  return wait_for_refusal(door, deadline);
} catch (const zmq::error_t& error) {
  return failed(ErrorCode::kIo, error.what());
}

Status require_null_user(zmq::context_t& context, const ServerSecurity& security,
                         int timeout_ms) try {
  const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
  Doorway door(context);
  if (Status set = apply_server_security(door.server(), security); !set) return set;
  door.knock();
  return wait_for_null_user(door, deadline);
} catch (const zmq::error_t& error) {
  return failed(ErrorCode::kIo, error.what());
}

}  // namespace capstan
