// What one run of a workload is told, and what it measured. Both travel between processes as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "latency_histogram.h"

namespace capstan::bench {

struct RunSpec {
  std::string dir;      ///< A folder of this run alone; empty where no disk is used.
  bool journal = true;  ///< Commit before accepting (floor) or not at all (raw_zmq).
  bool curve = false;
  std::string durability = "synced";  ///< Of the receiver's mailbox.
  std::uint64_t payload_bytes = 256;  ///< Without any envelope around it.
  std::uint64_t batch_bytes = 65536;  ///< Envelopes of one ZeroMQ message together.
  std::uint64_t window = 16;          ///< Batches sent and not yet accepted.
  double seconds = 1.0;
  double rate = 0.0;              ///< Envelopes per second, open loop; 0: as fast as accepted.
  std::string endpoint;           ///< Where the hub listens; filled in once it does.
  std::string hub_public_key;     ///< Z85, with CURVE.
  std::string to;                 ///< The mailbox that agents send to; filled in as well.
  std::uint64_t first_agent = 0;  ///< Of a crowd (crowd.h).
  std::uint64_t agents = 0;       ///< So many of it.
  std::uint64_t envelopes = 0;    ///< For all of them together.

  [[nodiscard]] nlohmann::json to_json() const;
  static RunSpec from_json(const nlohmann::json& json);
};

struct RunResult {
  double envelopes_per_second = 0.0;
  std::uint64_t envelopes = 0;
  std::optional<std::uint64_t> fsyncs = {};  ///< Synced commits, where we make them ourselves.
  double cpu_seconds = 0.0;                  ///< User and system time of all processes of the run.
  LatencyHistogram accept;                   ///< From due time to the acceptance at the sender.
  LatencyHistogram delivery;                 ///< From due time to the arrival at the receiver.

  /// From what the sender's and the receiver's process print at their end (floor_producer.h,
  /// floor_consumer.h). Errors: kDamaged when they disagree; kInvalidArgument.
  static Result<RunResult> from_ends(const nlohmann::json& sent, const nlohmann::json& heard);
};

/// Monotonic time, the same in all processes of the machine.
[[nodiscard]] std::uint64_t now_ns();

}  // namespace capstan::bench
