#include "floor_producer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "floor_handshake.h"
#include "payload.h"
#include "processes.h"

namespace capstan::bench {
namespace {

// A wake-up often enough to notice the end of a run in which nothing is accepted any more.
constexpr long kPollMs = 100;

void write_envelope(std::uint8_t* to, const ByteBuffer& payload, std::uint64_t index) {
  const FloorEnvelope head{static_cast<std::uint32_t>(payload.size())};
  std::memcpy(to, &head, sizeof head);
  std::memcpy(to + sizeof head, payload.data(), payload.size());
  std::memcpy(to + sizeof head, &index, sizeof index);
}

}  // namespace

void record_batch(LatencyHistogram& latency, const FloorHead& head, std::uint64_t now) {
  if (head.interval_ns == 0) {
    latency.record(now - head.first_due_ns, head.count);
    return;
  }
  for (std::uint64_t i = 0; i < head.count; ++i)
    latency.record(now - head.first_due_ns - i * head.interval_ns);
}

FloorProducer::FloorProducer(const RunSpec& spec, std::unique_ptr<Socket> dealer)
    : spec_(spec),
      batch_envelopes_(
          std::max<std::uint64_t>(1, spec.batch_bytes / (kFloorEnvelopeHead + spec.payload_bytes))),
      payload_(incompressible(spec.payload_bytes)),
      dealer_(std::move(dealer)),
      pacer_(spec.rate, spec.seconds) {}

Status FloorProducer::produce() {
  while (!finished()) {
    if (Status sent = send_due(); !sent) return sent;
    if (Status waited = wait_for_events(); !waited) return waited;
    pacer_.consume_ticks();
    take_accepts();
  }
  return send_end();
}

Status FloorProducer::wait_for_events() {
  std::array<zmq_pollitem_t, 2> items{
      {{dealer_->handle(), 0, ZMQ_POLLIN, 0}, {nullptr, pacer_.tick_fd(), ZMQ_POLLIN, 0}}};
  if (zmq_poll(items.data(), pacer_.open_loop() ? 2 : 1, kPollMs) < 0)
    return {ErrorCode::kIo, std::string("poll: ") + zmq_strerror(zmq_errno())};
  return {};
}

void FloorProducer::take_accepts() {
  while (auto message = dealer_->receive()) accept_up_to(floor_head(*message).number);
}

void FloorProducer::accept_up_to(std::uint64_t number) {
  last_accept_ns_ = now_ns();
  while (!in_flight_.empty() && in_flight_.front().number <= number) {
    record_batch(accept_latency_, in_flight_.front(), last_accept_ns_);
    in_flight_.pop_front();
  }
}

Status FloorProducer::send_due() {
  while (in_flight_.size() < spec_.window) {
    const std::uint64_t now = now_ns();
    const std::uint64_t count = pacer_.due(now, next_index_, batch_envelopes_) - next_index_;
    if (count == 0) break;
    if (Status sent = send_batch(count, now); !sent) return sent;
  }
  return {};
}

Status FloorProducer::send_batch(std::uint64_t count, std::uint64_t now) {
  FloorHead head;
  head.type = FloorType::kBatch;
  head.number = next_number_++;
  head.count = count;
  head.first_index = next_index_;
  head.first_due_ns = pacer_.due_ns(next_index_, now);
  head.interval_ns = pacer_.interval_ns();
  const std::size_t envelope_bytes = kFloorEnvelopeHead + payload_.size();
  Message message = floor_message(head, count * envelope_bytes);
  std::uint8_t* to = message.data() + sizeof head;
  for (std::uint64_t i = 0; i < count; ++i, to += envelope_bytes)
    write_envelope(to, payload_, next_index_++);
  in_flight_.push_back(head);
  return dealer_->send(std::move(message));
}

Status FloorProducer::send_end() {
  FloorHead head;
  head.type = FloorType::kEnd;
  head.number = next_number_ - 1;
  return dealer_->send(floor_message(head));
}

Status run_floor_producer(const RunSpec& spec) {
  const Context context;
  auto dealer = connect_and_greet(context, spec, FloorRole::kProducer);
  if (!dealer) return dealer.error();
  FloorProducer producer(spec, std::move(dealer).value());
  if (Status produced = producer.produce(); !produced) return produced;
  tell_parent({{"envelopes", producer.envelopes()},
               {"start_ns", producer.start_ns()},
               {"end_ns", producer.last_accept_ns()},
               {"accept", producer.accept_latency().to_json()}});
  return {};
}

}  // namespace capstan::bench
