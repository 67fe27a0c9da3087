#include "capstan/core/position_set.h"

#include <algorithm>

namespace capstan {

PositionSet::PositionSet(std::uint64_t floor, std::vector<Span> spans)
    : floor_(floor), spans_(std::move(spans)) {
  for (const Span& span : spans_) above_floor_ += span.last - span.first + 1;
}

void PositionSet::add(std::uint64_t first, std::uint64_t last) {
  first = std::max(first, floor_ + 1);
  if (last < first) return;
  if (first == floor_ + 1 && (spans_.empty() || last < spans_.front().first - 1)) {
    floor_ = last;  // The common case: settled in order.
    return;
  }
  // All spans that touch first … last melt into one.
  const auto begin =
      std::lower_bound(spans_.begin(), spans_.end(), first,
                       [](const Span& s, std::uint64_t n) { return s.last < n - 1; });
  auto end = begin;
  Span merged{first, last};
  while (end != spans_.end() && end->first - 1 <= last) {
    merged.first = std::min(merged.first, end->first);
    merged.last = std::max(merged.last, end->last);
    above_floor_ -= end->last - end->first + 1;
    ++end;
  }
  if (begin == end) {
    spans_.insert(begin, merged);
  } else {
    *begin = merged;
    spans_.erase(begin + 1, end);
  }
  above_floor_ += merged.last - merged.first + 1;
  if (spans_.front().first == floor_ + 1) {
    floor_ = spans_.front().last;
    above_floor_ -= spans_.front().last - spans_.front().first + 1;
    spans_.erase(spans_.begin());
  }
}

bool PositionSet::contains(std::uint64_t number) const {
  return number > 0 && contains_all(number, number);
}

bool PositionSet::contains_all(std::uint64_t first, std::uint64_t last) const {
  first = std::max(first, floor_ + 1);
  if (last < first) return true;
  const auto at = std::lower_bound(spans_.begin(), spans_.end(), first,
                                   [](const Span& s, std::uint64_t n) { return s.last < n; });
  return at != spans_.end() && at->first <= first && last <= at->last;
}

}  // namespace capstan
