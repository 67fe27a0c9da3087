// A hub's ROUTER on a free loopback port, and DEALERs that come to it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "auth/auth_thread.h"
#include "capstan/codec/limits.h"
#include "capstan/security/random.h"
#include "router.h"

namespace capstan::router_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline constexpr int kPatienceMs = 20'000;

inline ByteBuffer bytes(std::string_view text) { return {text.begin(), text.end()}; }

/// A client's DEALER.
class Dealer {
 public:
  explicit Dealer(zmq::context_t& context) : socket_(context, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
  }
  Dealer& use_curve(const KeyPair& own, const PublicKey& hub) {
    const auto set = [&](int option, Bytes key) {
      EXPECT_EQ(zmq_setsockopt(socket_.handle(), option, key.data(), key.size()), 0);
    };
    set(ZMQ_CURVE_SERVERKEY, hub.bytes);
    set(ZMQ_CURVE_PUBLICKEY, own.public_key.bytes);
    set(ZMQ_CURVE_SECRETKEY, own.secret_key.view());
    return *this;
  }
  /// The pipe and the system hold as little as they can.
  Dealer& hold_little() {
    socket_.set(zmq::sockopt::rcvhwm, 1);
    socket_.set(zmq::sockopt::rcvbuf, 4096);
    return *this;
  }
  Dealer& call_itself(const std::string& routing_id) {
    socket_.set(zmq::sockopt::routing_id, routing_id);
    return *this;
  }
  Dealer& connect(const std::string& endpoint) {
    socket_.connect(endpoint);
    return *this;
  }
  void send(std::string_view body) { socket_.send(zmq::buffer(body), zmq::send_flags::none); }
  void send_parts(const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket_.send(zmq::buffer(parts[i]),
                   i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  /// The next body; empty after kPatienceMs.
  std::string hear() {
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, milliseconds(kPatienceMs)) != 1) return {};
    return hear_now();
  }
  std::string hear_now() {
    zmq::message_t message;
    if (!socket_.recv(message, zmq::recv_flags::dontwait)) return {};
    EXPECT_FALSE(message.more()) << "one body part";
    return message.to_string();
  }
  void close() { socket_.close(); }

 private:
  zmq::socket_t socket_;
};

/// A handler that gives no routing ids, so that each peer has the one that it claims. Beside ours a
/// claim wins now and then: THREATS.md §5.4.
class NamelessHandler {
 public:
  explicit NamelessHandler(zmq::context_t& context) : socket_(context, zmq::socket_type::rep) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, 20);
    socket_.bind("inproc://zeromq.zap.01");
    thread_ = std::thread([this] { run(); });
  }
  NamelessHandler(const NamelessHandler&) = delete;
  NamelessHandler& operator=(const NamelessHandler&) = delete;
  ~NamelessHandler() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    while (!stop_) {
      zmq::message_t frame;
      if (!socket_.recv(frame)) continue;
      while (frame.more()) static_cast<void>(socket_.recv(frame));
      PublicKey key;  // The last frame is the credential.
      std::copy_n(frame.data<std::uint8_t>(), std::min(frame.size(), key.bytes.size()),
                  key.bytes.begin());
      for (const std::string& text : {std::string("1.0"), std::string("1"), std::string("200"),
                                      std::string("OK"), key.z85()}) {
        socket_.send(zmq::buffer(text), zmq::send_flags::sndmore);
      }
      socket_.send(zmq::message_t(), zmq::send_flags::none);
    }
  }

  zmq::socket_t socket_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Frames {
  ConnectionId from;
  std::string body;
  std::uint64_t parts_dropped = 0;
};

enum class RoutingIds { kOurs, kClaimed };

/// A hub's socket, and what came through it.
class Listening {
 public:
  explicit Listening(Encryption encryption, RoutingIds ids = RoutingIds::kOurs)
      : encryption_(encryption) {
    EXPECT_TRUE(init_security().ok());
    if (ids == RoutingIds::kOurs) {
      auto started = AuthThread::start(context, credentials, encryption);
      EXPECT_TRUE(started.ok());
      auth_ = std::move(*started);
    } else {
      nameless_ = std::make_unique<NamelessHandler>(context);
    }
    auto bound = bind("tcp://127.0.0.1:*");
    EXPECT_TRUE(bound.ok());
    router = std::move(*bound);
  }

  Result<std::unique_ptr<Router>> bind(const std::string& endpoint) {
    ServerSecurity security;
    security.encryption = encryption_;
    security.hub_key = encryption_ == Encryption::kCurve ? &hub_key.secret_key : nullptr;
    security.message_bytes_max = kBatchBytesMax;
    return Router::bind(context, security, credentials, endpoint);
  }

  /// Takes what waits, once something does; false after kPatienceMs.
  bool take() {
    zmq::pollitem_t item{router->socket(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, milliseconds(kPatienceMs)) != 1) return false;
    std::vector<Event> events;
    while (router->receive(events, 1 << 20)) keep(events);
    keep(events);
    return true;
  }

  Frames next_frames() {
    while (frames.empty()) {
      if (!take()) {
        ADD_FAILURE() << "nothing came";
        return {};
      }
    }
    Frames first = std::move(frames.front());
    frames.erase(frames.begin());
    return first;
  }

  /// Turns as the core thread does, until `done` or kPatienceMs.
  bool turn_until(const std::function<bool()>& done) {
    const auto end = steady_clock::now() + milliseconds(kPatienceMs);
    while (!done()) {
      if (steady_clock::now() > end) return false;
      zmq::pollitem_t item{router->socket(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, milliseconds(1));
      std::vector<Event> events;
      router->receive(events, 1 << 20);
      (void)router->flush();
      router->take_gone(events);
      keep(events);
    }
    return true;
  }

  KeyPair hub_key = generate_key_pair();
  zmq::context_t context;
  CredentialStore credentials;
  std::unique_ptr<Router> router;
  std::vector<PeerOpened> opened;
  std::vector<ConnectionId> gone;
  std::vector<Frames> frames;

 private:
  // The bytes of FramesArrived live until the next receive().
  void keep(std::vector<Event>& events) {
    for (Event& event : events) {
      if (const auto* peer = std::get_if<PeerOpened>(&event)) opened.push_back(*peer);
      if (const auto* peer = std::get_if<PeerGone>(&event)) gone.push_back(peer->connection);
      if (const auto* arrived = std::get_if<FramesArrived>(&event)) {
        frames.push_back(
            {arrived->connection, std::string(as_text(arrived->body)), arrived->parts_dropped});
      }
    }
    events.clear();
  }

  Encryption encryption_;
  std::unique_ptr<AuthThread> auth_;
  std::unique_ptr<NamelessHandler> nameless_;
};

/// Keys of their own for these names; the hub admits them, and nobody else.
inline std::map<std::string, KeyPair> admit(Listening& hub, const std::vector<std::string>& names) {
  std::map<std::string, KeyPair> keys;
  std::vector<Admission> admissions;
  for (const std::string& name : names) {
    const auto key = keys.emplace(name, generate_key_pair()).first;
    Admission admission;
    admission.name = name;
    admission.key = key->second.public_key;
    admission.names = {name};
    admissions.push_back(std::move(admission));
  }
  auto admitted = CredentialSnapshot::build(admissions);
  EXPECT_TRUE(admitted.ok());
  hub.credentials.replace(*admitted);
  return keys;
}

}  // namespace capstan::router_test
