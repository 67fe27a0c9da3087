// A set of positive numbers that is dense from below: a floor, and intervals above it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace capstan {

/// Holds 1 … floor() and the intervals above. Memory is that of the gaps, not of the numbers.
///
/// Intervals stand in pieces of bounded length: to add one anywhere moves those of its piece and
/// the list of pieces, never all.
class PositionSet {
 public:
  struct Span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    auto operator<=>(const Span&) const = default;
  };

  PositionSet() = default;
  PositionSet(std::uint64_t floor, const std::vector<Span>& spans);

  /// Adds first … last; numbers that are in the set already are no error.
  void add(std::uint64_t first, std::uint64_t last);

  /// The numbers between the floor and the lowest interval above it are in the set from now on.
  /// Without such an interval nothing changes.
  void fill_lowest_hole();

  [[nodiscard]] bool empty() const { return count() == 0; }
  [[nodiscard]] bool contains(std::uint64_t number) const;
  /// All of first … last.
  [[nodiscard]] bool contains_all(std::uint64_t first, std::uint64_t last) const;
  /// How many of first … last are not in the set.
  [[nodiscard]] std::uint64_t missing(std::uint64_t first, std::uint64_t last) const;
  /// The lowest number from `number` on that is not in the set.
  [[nodiscard]] std::uint64_t next_missing(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  [[nodiscard]] std::uint64_t highest() const {
    return pieces_.empty() ? floor_ : pieces_.back().back().last;
  }
  /// How many numbers are in the set.
  [[nodiscard]] std::uint64_t count() const { return floor_ + above_floor_; }
  /// How many intervals the set is, the one up to the floor included.
  [[nodiscard]] std::size_t intervals() const;
  /// A copy of the intervals above the floor: ascending, neither touching nor overlapping.
  [[nodiscard]] std::vector<Span> spans() const;
  /// How many intervals each piece holds.
  [[nodiscard]] std::vector<std::size_t> piece_sizes() const;

  bool operator==(const PositionSet& other) const;

  static constexpr std::size_t kSpansPerPieceMax = 256;

 private:
  using Piece = std::vector<Span>;
  /// Of a span; the one behind the last stands in no piece.
  struct Place {
    std::size_t piece = 0;
    std::size_t at = 0;
  };

  [[nodiscard]] Place first_that_ends_at(std::uint64_t number) const;
  [[nodiscard]] bool stands(const Place& place) const { return place.piece < pieces_.size(); }
  [[nodiscard]] Span& at(const Place& place) { return pieces_[place.piece][place.at]; }
  [[nodiscard]] Place behind(const Place& place) const;
  void insert(Place place, const Span& span);
  void erase(const Place& place);
  void grow(const Place& place, std::uint64_t first, std::uint64_t last);
  void join_small(std::size_t piece);
  void raise_floor();

  std::uint64_t floor_ = 0;
  std::uint64_t above_floor_ = 0;
  std::vector<Piece> pieces_;  ///< None is empty.
};

}  // namespace capstan
