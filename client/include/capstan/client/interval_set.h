// A set of numbers that grows mostly in order: a floor, and a few intervals above it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

namespace capstan {

/// Numbers from 1 up. Everything up to floor() is in the set; intervals above it neither touch nor
/// overlap. Adding the next number costs no allocation.
///
/// Place: a value; belongs to whoever holds it.
class IntervalSet {
 public:
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  [[nodiscard]] std::size_t interval_count() const { return above_.size(); }

  [[nodiscard]] bool contains(std::uint64_t number) const { return next_missing(number) != number; }

  /// The lowest number from `number` on that is not in the set.
  [[nodiscard]] std::uint64_t next_missing(std::uint64_t number) const {
    if (number <= floor_) number = floor_ + 1;
    if (above_.empty()) return number;
    const auto after = above_.upper_bound(number);
    if (after == above_.begin()) return number;
    const std::uint64_t last = std::prev(after)->second;
    return last >= number ? last + 1 : number;
  }

  /// Adds `first`..`last` and calls on_new(a, b) for every run of them that was missing.
  template <typename OnNew>
  void add(std::uint64_t first, std::uint64_t last, OnNew on_new) {
    first = std::max(first, floor_ + 1);
    if (first > last) return;
    if (extend_in_place(first, last)) {
      on_new(first, last);
      return;
    }
    std::uint64_t merged_first = first;
    std::uint64_t merged_last = last;
    std::uint64_t at = first;
    auto it = first_touching(first);
    while (it != above_.end() && it->first - 1 <= last) {
      if (it->first > at) on_new(at, it->first - 1);
      at = std::max(at, it->second + 1);
      merged_first = std::min(merged_first, it->first);
      merged_last = std::max(merged_last, it->second);
      it = above_.erase(it);
    }
    if (at <= last) on_new(at, last);
    insert(merged_first, merged_last);
  }

  /// True when `number` was missing.
  bool add(std::uint64_t number) {
    bool added = false;
    add(number, number, [&](std::uint64_t, std::uint64_t) { added = true; });
    return added;
  }

  /// Adds everything up to `floor`, and so forgets the intervals below it.
  void raise_floor(std::uint64_t floor) {
    add(1, floor, [](std::uint64_t, std::uint64_t) {});
  }

 private:
  using Intervals = std::map<std::uint64_t, std::uint64_t>;  // first → last

  // The two shapes of growing in order: at the floor with nothing near above, and at the very end.
  bool extend_in_place(std::uint64_t first, std::uint64_t last) {
    if (first == floor_ + 1 && (above_.empty() || above_.begin()->first - 1 > last)) {
      floor_ = last;
      return true;
    }
    if (!above_.empty() && above_.rbegin()->second + 1 == first) {
      std::prev(above_.end())->second = last;
      return true;
    }
    return false;
  }

  Intervals::iterator first_touching(std::uint64_t first) {
    const auto after = above_.upper_bound(first);
    if (after == above_.begin()) return after;
    const auto before = std::prev(after);
    return before->second + 1 >= first ? before : after;
  }

  void insert(std::uint64_t first, std::uint64_t last) {
    if (first == floor_ + 1) {
      floor_ = last;
    } else {
      above_.emplace(first, last);
    }
  }

  std::uint64_t floor_ = 0;
  Intervals above_;
};

}  // namespace capstan
