// A set of positive numbers that is dense from below: a floor, and intervals above it.
#pragma once

#include <cstdint>
#include <vector>

namespace capstan {

/// Holds 1 … floor() and the intervals above. Memory is that of the gaps, not of the numbers.
class PositionSet {
 public:
  struct Span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    auto operator<=>(const Span&) const = default;
  };

  PositionSet() = default;
  PositionSet(std::uint64_t floor, std::vector<Span> spans);

  /// Adds first … last; numbers that are in the set already are no error.
  void add(std::uint64_t first, std::uint64_t last);

  [[nodiscard]] bool contains(std::uint64_t number) const;
  /// All of first … last.
  [[nodiscard]] bool contains_all(std::uint64_t first, std::uint64_t last) const;
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  [[nodiscard]] std::uint64_t highest() const {
    return spans_.empty() ? floor_ : spans_.back().last;
  }
  /// How many numbers are in the set.
  [[nodiscard]] std::uint64_t count() const { return floor_ + above_floor_; }
  /// Intervals above the floor: ascending, neither touching nor overlapping.
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }

  bool operator==(const PositionSet&) const = default;

 private:
  std::uint64_t floor_ = 0;
  std::uint64_t above_floor_ = 0;
  std::vector<Span> spans_;
};

}  // namespace capstan
