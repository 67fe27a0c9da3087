// Latencies, counted by HdrHistogram to three significant figures.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "capstan/base/result.h"

struct hdr_histogram;

namespace capstan::bench {

/// Counts of latencies between 0 and about 18 minutes; anything longer counts as the longest.
class LatencyHistogram {
 public:
  LatencyHistogram();
  LatencyHistogram(const LatencyHistogram& other);
  LatencyHistogram(LatencyHistogram&&) = default;
  LatencyHistogram& operator=(LatencyHistogram other);
  ~LatencyHistogram();

  void record(std::uint64_t latency_ns, std::uint64_t times = 1);
  void merge(const LatencyHistogram& other);

  [[nodiscard]] std::uint64_t count() const;

  /// The latency in microseconds that `fraction` (0..1) of all did not exceed; 0 when empty.
  [[nodiscard]] double percentile_us(double fraction) const;

  /// Shape: [[latency_ns, times], …], recorded latencies only.
  [[nodiscard]] nlohmann::json to_json() const;
  /// Errors: kInvalidArgument.
  static Result<LatencyHistogram> from_json(const nlohmann::json& json);

 private:
  struct Close {
    void operator()(hdr_histogram* histogram) const;
  };
  std::unique_ptr<hdr_histogram, Close> histogram_;
};

}  // namespace capstan::bench
