#include "latency_histogram.h"

#include <hdr_histogram.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "capstan/base/check.h"

namespace capstan::bench {
namespace {

constexpr std::int64_t kLongestNs = (std::int64_t{1} << 40) - 1;
constexpr int kSignificantFigures = 3;

std::int64_t trackable(std::uint64_t latency_ns) {
  return static_cast<std::int64_t>(std::min(latency_ns, static_cast<std::uint64_t>(kLongestNs)));
}

/// What to_json() writes and `times` can add up to.
bool is_entry(const nlohmann::json& entry) {
  constexpr auto kTimesMax = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
  return entry.is_array() && entry.size() == 2 && entry[0].is_number_unsigned() &&
         entry[1].is_number_unsigned() &&
         entry[0].get<std::uint64_t>() <= static_cast<std::uint64_t>(kLongestNs) &&
         entry[1].get<std::uint64_t>() <= kTimesMax;
}

}  // namespace

void LatencyHistogram::Close::operator()(hdr_histogram* histogram) const { hdr_close(histogram); }

LatencyHistogram::LatencyHistogram() {
  hdr_histogram* made = nullptr;
  CAPSTAN_CHECK(hdr_init(1, kLongestNs, kSignificantFigures, &made) == 0);
  histogram_.reset(made);
}

LatencyHistogram::LatencyHistogram(const LatencyHistogram& other) : LatencyHistogram() {
  merge(other);
}

LatencyHistogram& LatencyHistogram::operator=(LatencyHistogram other) {
  histogram_ = std::move(other.histogram_);
  return *this;
}

LatencyHistogram::~LatencyHistogram() = default;

void LatencyHistogram::record(std::uint64_t latency_ns, std::uint64_t times) {
  CAPSTAN_CHECK(
      hdr_record_values(histogram_.get(), trackable(latency_ns), static_cast<std::int64_t>(times)));
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  CAPSTAN_CHECK(hdr_add(histogram_.get(), other.histogram_.get()) == 0);
}

std::uint64_t LatencyHistogram::count() const {
  return static_cast<std::uint64_t>(histogram_->total_count);
}

double LatencyHistogram::percentile_us(double fraction) const {
  if (count() == 0) return 0.0;
  return static_cast<double>(hdr_value_at_percentile(histogram_.get(), fraction * 100)) / 1000.0;
}

nlohmann::json LatencyHistogram::to_json() const {
  nlohmann::json recorded = nlohmann::json::array();
  hdr_iter each{};
  hdr_iter_recorded_init(&each, histogram_.get());
  while (hdr_iter_next(&each)) recorded.push_back({each.value, each.count});
  return recorded;
}

Result<LatencyHistogram> LatencyHistogram::from_json(const nlohmann::json& json) {
  LatencyHistogram histogram;
  for (const auto& entry : json) {
    if (!is_entry(entry))
      return Error{ErrorCode::kInvalidArgument, "a histogram is a list of [latency_ns, times]"};
    histogram.record(entry[0].get<std::uint64_t>(), entry[1].get<std::uint64_t>());
  }
  return histogram;
}

}  // namespace capstan::bench
