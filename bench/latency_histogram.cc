#include "latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

namespace capstan::bench {
namespace {

constexpr unsigned kPrecisionBits = 7;
constexpr std::uint64_t kBucketsPerDoubling = 1U << kPrecisionBits;
constexpr unsigned kValueBits = 40;
constexpr std::uint64_t kLongestNs = (std::uint64_t{1} << kValueBits) - 1;
constexpr std::size_t kBuckets = (kValueBits - kPrecisionBits + 1) * kBucketsPerDoubling;

std::size_t bucket_of(std::uint64_t latency_ns) {
  const std::uint64_t value = std::min(latency_ns, kLongestNs);
  if (value < kBucketsPerDoubling) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - kPrecisionBits - 1;
  return shift * kBucketsPerDoubling + (value >> shift);
}

double middle_ns(std::size_t bucket) {
  if (bucket < 2 * kBucketsPerDoubling) return static_cast<double>(bucket);
  const auto shift = static_cast<unsigned>(bucket / kBucketsPerDoubling - 1);
  const std::uint64_t low = (bucket - shift * kBucketsPerDoubling) << shift;
  return static_cast<double>(low) + std::ldexp(0.5, static_cast<int>(shift));
}

}  // namespace

LatencyHistogram::LatencyHistogram() : times_(kBuckets) {}

void LatencyHistogram::record(std::uint64_t latency_ns, std::uint64_t times) {
  times_[bucket_of(latency_ns)] += times;
  count_ += times;
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) times_[bucket] += other.times_[bucket];
  count_ += other.count_;
}

double LatencyHistogram::percentile_us(double fraction) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += times_[bucket];
    if (seen > 0 && seen >= rank) return middle_ns(bucket) / 1000.0;
  }
  return 0.0;
}

nlohmann::json LatencyHistogram::to_json() const {
  nlohmann::json filled = nlohmann::json::array();
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
    if (times_[bucket] != 0) filled.push_back({bucket, times_[bucket]});
  return filled;
}

Result<LatencyHistogram> LatencyHistogram::from_json(const nlohmann::json& json) {
  LatencyHistogram histogram;
  for (const auto& entry : json) {
    const bool pair = entry.is_array() && entry.size() == 2 && entry[0].is_number_unsigned() &&
                      entry[1].is_number_unsigned();
    if (!pair || entry[0].get<std::size_t>() >= kBuckets)
      return Error{ErrorCode::kInvalidArgument, "a histogram is a list of [bucket, times]"};
    histogram.times_[entry[0].get<std::size_t>()] += entry[1].get<std::uint64_t>();
    histogram.count_ += entry[1].get<std::uint64_t>();
  }
  return histogram;
}

}  // namespace capstan::bench
