#include "floor_consumer.h"

#include <utility>

#include "floor_handshake.h"
#include "floor_producer.h"
#include "processes.h"

namespace capstan::bench {

FloorConsumer::FloorConsumer(const RunSpec& spec, std::unique_ptr<Socket> dealer)
    : payload_bytes_(spec.payload_bytes), dealer_(std::move(dealer)) {}

Status FloorConsumer::consume() {
  while (!ended_) {
    zmq_pollitem_t item{dealer_->handle(), 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, -1) < 0)
      return {ErrorCode::kIo, std::string("poll: ") + zmq_strerror(zmq_errno())};
    if (Status taken = take_waiting(); !taken) return taken;
    if (Status told = acknowledge(); !told) return told;
  }
  return {};
}

Status FloorConsumer::take_waiting() {
  while (auto message = dealer_->receive())
    if (Status taken = take(*message); !taken) return taken;
  return {};
}

Status FloorConsumer::take(const Message& message) {
  const FloorHead head = floor_head(message);
  if (head.type == FloorType::kEnd) {
    ended_ = true;
    return {};
  }
  if (head.number != received_ + 1) return {ErrorCode::kDamaged, "a batch is missing or doubled"};
  received_ = head.number;
  last_ns_ = now_ns();
  record_batch(delivery_latency_, head, last_ns_);
  return check(floor_body(message));
}

Status FloorConsumer::check(Bytes envelopes) {
  while (!envelopes.empty()) {
    FloorEnvelope head;
    std::uint64_t index = 0;
    std::memcpy(&head, envelopes.data(), sizeof head);
    std::memcpy(&index, envelopes.data() + sizeof head, sizeof index);
    if (head.payload_bytes != payload_bytes_ || index != next_index_)
      return {ErrorCode::kDamaged, "envelope " + std::to_string(next_index_) + " is not there"};
    ++next_index_;
    envelopes = envelopes.subspan(sizeof head + head.payload_bytes);
  }
  return {};
}

Status FloorConsumer::acknowledge() {
  if (acknowledged_ == received_) return {};
  acknowledged_ = received_;
  FloorHead receipt;
  receipt.type = FloorType::kReceipt;
  receipt.number = received_;
  return dealer_->send(floor_message(receipt));
}

Status run_floor_consumer(const RunSpec& spec) {
  const Context context;
  auto dealer = connect_and_greet(context, spec, FloorRole::kConsumer);
  if (!dealer) return dealer.error();
  tell_parent(nlohmann::json::object());
  FloorConsumer consumer(spec, std::move(dealer).value());
  if (Status consumed = consumer.consume(); !consumed) return consumed;
  tell_parent({{"envelopes", consumer.envelopes()},
               {"end_ns", consumer.last_ns()},
               {"delivery", consumer.delivery_latency().to_json()}});
  return {};
}

}  // namespace capstan::bench
