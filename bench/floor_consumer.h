// The receiver of the floor.
#pragma once

#include <cstdint>
#include <memory>

#include "capstan/base/result.h"
#include "floor_wire.h"
#include "latency_histogram.h"
#include "run_spec.h"
#include "zmq_socket.h"

namespace capstan::bench {

/// Looks at every envelope, checks that none is missing, doubled or out of order, and acknowledges
/// all that it has taken with one receipt.
class FloorConsumer {
 public:
  FloorConsumer(const RunSpec& spec, std::unique_ptr<Socket> dealer);

  /// Returns after the last envelope. Errors: kDamaged when an envelope is not the expected one.
  Status consume();

  [[nodiscard]] std::uint64_t envelopes() const { return next_index_; }
  [[nodiscard]] std::uint64_t last_ns() const { return last_ns_; }
  [[nodiscard]] const LatencyHistogram& delivery_latency() const { return delivery_latency_; }

 private:
  Status take_waiting();
  Status take(const Message& message);
  Status check(Bytes envelopes);
  Status acknowledge();

  const std::uint64_t payload_bytes_;
  std::unique_ptr<Socket> dealer_;
  std::uint64_t received_ = 0;  // cumulative numbers of batches
  std::uint64_t acknowledged_ = 0;
  std::uint64_t next_index_ = 0;
  std::uint64_t last_ns_ = 0;
  bool ended_ = false;
  LatencyHistogram delivery_latency_;
};

/// The role of the consumer's process. Prints {} when it is ready, and {"envelopes", "end_ns",
/// "delivery"} at the end.
Status run_floor_consumer(const RunSpec& spec);

}  // namespace capstan::bench
