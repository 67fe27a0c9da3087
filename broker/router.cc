#include "router.h"

#include <algorithm>

#include "admitted_key.h"
#include "capstan/codec/compact.h"

namespace capstan {

namespace {

/// Body parts in the pipe of one peer; the credit of its sessions is the real bound.
constexpr int kPipeMessagesMax = 1000;

std::string_view text_of(const zmq::message_t& message) {
  return {message.data<char>(), message.size()};
}

/// The name that our ZAP handler gave this connection. Only the body frame is sure to carry it.
std::string_view user_id_of(zmq::message_t& body) {
  const char* user_id = zmq_msg_gets(body.handle(), "User-Id");
  return user_id == nullptr ? std::string_view() : std::string_view(user_id);
}

void free_body(void*, void* body) { delete static_cast<ByteBuffer*>(body); }

}  // namespace

Router::Router(zmq::socket_t socket, const CredentialStore& credentials, Encryption encryption)
    : socket_(std::move(socket)), credentials_(credentials), encryption_(encryption) {}

Result<std::unique_ptr<Router>> Router::bind(zmq::context_t& context,
                                             const ServerSecurity& security,
                                             const CredentialStore& credentials,
                                             const std::string& endpoint) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  if (Status status = apply_server_security(socket, security); !status) return status.error();
  socket.set(zmq::sockopt::sndhwm, kPipeMessagesMax);
  socket.set(zmq::sockopt::rcvhwm, kPipeMessagesMax);
  if (zmq_bind(socket.handle(), endpoint.c_str()) != 0) {
    const bool in_use = zmq_errno() == EADDRINUSE;
    return {in_use ? ErrorCode::kAlreadyExists : ErrorCode::kIo,
            "cannot listen on " + endpoint + ": " + zmq_strerror(zmq_errno()) +
                (in_use ? "; stop the program that holds it (`ss -ltnp` names it) or change "
                          "[listen] endpoint in capstan.toml"
                        : "")};
  }
  std::unique_ptr<Router> router(new Router(std::move(socket), credentials, security.encryption));
  router->endpoint_ = router->socket_.get(zmq::sockopt::last_endpoint);
  return router;
}

bool Router::receive(std::vector<Event>& events, std::size_t bytes_max) {
  bodies_.clear();
  // Events point into the messages: the vector must not move them.
  constexpr std::size_t kMessagesMax = 256;
  bodies_.reserve(kMessagesMax);
  std::size_t bytes = 0;
  while (bytes < bytes_max && bodies_.size() < kMessagesMax) {
    zmq::message_t routing_id;
    if (zmq_msg_recv(routing_id.handle(), socket_.handle(), ZMQ_DONTWAIT) < 0) return false;
    zmq::message_t body;
    std::uint64_t parts = 0;
    bool more = routing_id.more();
    while (more) {
      zmq::message_t part;
      if (zmq_msg_recv(part.handle(), socket_.handle(), 0) < 0) return false;
      more = part.more();
      // One body part is the protocol; what stands behind it is dropped, and the peer is told.
      if (++parts == 1) body = std::move(part);
    }
    if (parts == 0) continue;
    const auto connection = connection_of(text_of(routing_id), user_id_of(body), events);
    if (!connection) continue;
    bytes += body.size();
    bodies_.push_back(std::move(body));
    const zmq::message_t& kept = bodies_.back();
    events.push_back(
        FramesArrived{*connection, {kept.data<std::uint8_t>(), kept.size()}, parts - 1});
  }
  return true;
}

std::optional<ConnectionId> Router::connection_of(std::string_view routing_id,
                                                  std::string_view user_id,
                                                  std::vector<Event>& events) {
  const auto known = by_routing_id_.find(routing_id);
  if (known != by_routing_id_.end()) {
    const std::uint32_t index = known->second;
    const bool same_key = slots_[index].user_id == user_id;
    const bool leaving = slots_[index].leaving;
    if (same_key && !leaving) return ConnectionId{index, slots_[index].generation};
    // The address was taken over by another key: whoever had it is gone.
    if (!same_key) ++refused_identity_;
    if (!leaving) events.push_back(PeerGone{{index, slots_[index].generation}});
    close(index);
  }
  std::uint32_t index = static_cast<std::uint32_t>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  ++slot.generation;
  slot.routing_id = routing_id;
  slot.user_id = user_id;
  slot.open = true;
  by_routing_id_.emplace(slot.routing_id, index);
  const ConnectionId connection{index, slot.generation};
  auto opened = identify(connection, user_id);
  if (!opened) {
    // Admitted at the handshake, withdrawn since.
    ++refused_identity_;
    close(index);
    return std::nullopt;
  }
  events.push_back(*std::move(opened));
  return connection;
}

std::optional<PeerOpened> Router::identify(ConnectionId connection,
                                           std::string_view user_id) const {
  if (encryption_ == Encryption::kNone) {
    if (user_id != kNullUserId) return std::nullopt;
    return PeerOpened{connection, AdmittedKey{std::string(kNullUserId), {}, {}, AgentRole::kAgent},
                      true};
  }
  const auto key = PublicKey::from_z85(user_id);
  if (!key) return std::nullopt;
  const SharedCredentials credentials = credentials_.current();
  const Admission* admission = credentials->find(*key);
  if (admission == nullptr) return std::nullopt;
  return PeerOpened{connection, to_admitted_key(*admission), false};
}

Router::Slot* Router::find(ConnectionId connection) {
  if (connection.index >= slots_.size()) return nullptr;
  Slot& slot = slots_[connection.index];
  const bool known = slot.open && !slot.leaving && slot.generation == connection.generation;
  return known ? &slot : nullptr;
}

void Router::close(std::uint32_t index) {
  Slot& slot = slots_[index];
  by_routing_id_.erase(slot.routing_id);
  slot.open = false;
  slot.leaving = false;
  slot.outbox.clear();
  slot.outbox_bytes = 0;
  std::erase(with_outbox_, index);
  free_slots_.push_back(index);
}

void Router::drop_slow(std::uint32_t index) {
  Slot& slot = slots_[index];
  gone_.push_back({index, slot.generation});
  slot.leaving = true;
  slot.outbox.clear();
  BodyWriter last_word;
  last_word.write(Bye{ErrorCode::kSlowReader,
                      "more than " + std::to_string(kOutboxBytesMax >> 20) +
                          " MiB waited for this connection; read faster, or grant less credit"});
  slot.outbox.push_back(last_word.take());
  slot.outbox_bytes = slot.outbox.front().size();
}

Router::Sent Router::send_now(const Slot& slot, ByteBuffer& body) {
  zmq::message_t routing_id(slot.routing_id.data(), slot.routing_id.size());
  if (zmq_msg_send(routing_id.handle(), socket_.handle(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    return zmq_errno() == EAGAIN ? Sent::kFull : Sent::kGone;
  }
  auto owned = std::make_unique<ByteBuffer>(std::move(body));
  zmq_msg_t message;
  if (zmq_msg_init_data(&message, owned->data(), owned->size(), free_body, owned.get()) != 0) {
    return Sent::kGone;
  }
  (void)owned.release();  // libzmq frees it, on whichever of its threads sends it last.
  if (zmq_msg_send(&message, socket_.handle(), ZMQ_DONTWAIT) < 0) {
    zmq_msg_close(&message);
    return Sent::kGone;
  }
  return Sent::kYes;
}

void Router::send(SendBody send) {
  Slot* slot = find(send.connection);
  if (slot == nullptr || send.body.empty()) return;
  Sent sent = Sent::kFull;
  if (slot->outbox.empty()) sent = send_now(*slot, send.body);
  if (sent == Sent::kFull) {
    if (slot->outbox.empty()) with_outbox_.push_back(send.connection.index);
    slot->outbox_bytes += send.body.size();
    slot->outbox.push_back(std::move(send.body));
    if (slot->outbox_bytes > kOutboxBytesMax) drop_slow(send.connection.index);
  }
  if (sent == Sent::kGone) {
    gone_.push_back(send.connection);
    close(send.connection.index);
  }
}

bool Router::flush() {
  const std::vector<std::uint32_t> indices = with_outbox_;
  for (const std::uint32_t index : indices) {
    Slot& slot = slots_[index];
    Sent sent = Sent::kYes;
    while (!slot.outbox.empty()) {
      const std::size_t size = slot.outbox.front().size();
      sent = send_now(slot, slot.outbox.front());
      if (sent != Sent::kYes) break;
      slot.outbox_bytes -= size;
      slot.outbox.pop_front();
    }
    if (sent == Sent::kGone && !slot.leaving) gone_.push_back({index, slot.generation});
    if (sent == Sent::kGone || (slot.leaving && slot.outbox.empty())) {
      close(index);
    } else if (slot.outbox.empty()) {
      std::erase(with_outbox_, index);
    }
  }
  return !with_outbox_.empty();
}

void Router::evict(ConnectionId connection) {
  if (find(connection) != nullptr) close(connection.index);
}

void Router::take_gone(std::vector<Event>& events) {
  for (const ConnectionId& connection : gone_) events.push_back(PeerGone{connection});
  gone_.clear();
}

}  // namespace capstan
