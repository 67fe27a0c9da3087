// Latencies, counted in buckets whose width is under one per cent of their value.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "capstan/base/result.h"

namespace capstan::bench {

/// Counts of latencies between 0 and about 18 minutes; anything longer counts as the longest.
///
/// Shape: values under 128 ns have a bucket each; from there every power of two is cut into 128
/// buckets, so that a percentile is wrong by less than 0.4 %.
class LatencyHistogram {
 public:
  LatencyHistogram();

  void record(std::uint64_t latency_ns, std::uint64_t times = 1);
  void merge(const LatencyHistogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The latency in microseconds that `fraction` (0..1) of all did not exceed; 0 when empty.
  [[nodiscard]] double percentile_us(double fraction) const;

  /// Shape: [[bucket, times], …], filled buckets only.
  [[nodiscard]] nlohmann::json to_json() const;
  static Result<LatencyHistogram> from_json(const nlohmann::json& json);

 private:
  std::vector<std::uint64_t> times_;
  std::uint64_t count_ = 0;
};

}  // namespace capstan::bench
