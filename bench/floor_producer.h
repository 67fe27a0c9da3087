// The sender of the floor.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"
#include "floor_wire.h"
#include "latency_histogram.h"
#include "pacer.h"
#include "run_spec.h"
#include "zmq_socket.h"

namespace capstan::bench {

/// Sends batches of envelopes within its window until the time is over and all are accepted.
class FloorProducer {
 public:
  FloorProducer(const RunSpec& spec, std::unique_ptr<Socket> dealer);

  Status produce();

  [[nodiscard]] std::uint64_t envelopes() const { return next_index_; }
  [[nodiscard]] std::uint64_t start_ns() const { return pacer_.start_ns(); }
  [[nodiscard]] std::uint64_t last_accept_ns() const { return last_accept_ns_; }
  [[nodiscard]] const LatencyHistogram& accept_latency() const { return accept_latency_; }

 private:
  [[nodiscard]] bool finished() const { return in_flight_.empty() && pacer_.over(now_ns()); }
  Status wait_for_events();
  void take_accepts();
  void accept_up_to(std::uint64_t number);
  Status send_due();
  Status send_batch(std::uint64_t count, std::uint64_t now);
  Status send_end();

  const RunSpec spec_;
  const std::uint64_t batch_envelopes_;
  const ByteBuffer payload_;
  std::unique_ptr<Socket> dealer_;
  Pacer pacer_;
  std::deque<FloorHead> in_flight_;
  std::uint64_t next_number_ = 1;
  std::uint64_t next_index_ = 0;
  std::uint64_t last_accept_ns_ = 0;
  LatencyHistogram accept_latency_;
};

/// The role of the producer's process. Prints {"envelopes", "start_ns", "end_ns", "accept"}.
Status run_floor_producer(const RunSpec& spec);

/// Adds the latency of every envelope of a batch that was due as `head` says and is done `now`.
void record_batch(LatencyHistogram& latency, const FloorHead& head, std::uint64_t now);

}  // namespace capstan::bench
