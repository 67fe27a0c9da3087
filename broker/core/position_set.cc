#include "capstan/core/position_set.h"

#include <algorithm>

namespace capstan {

namespace {

std::uint64_t size_of(const PositionSet::Span& span) { return span.last - span.first + 1; }

std::ptrdiff_t offset(std::size_t index) { return static_cast<std::ptrdiff_t>(index); }

}  // namespace

PositionSet::PositionSet(std::uint64_t floor, const std::vector<Span>& spans) : floor_(floor) {
  for (const Span& span : spans) insert({pieces_.size(), 0}, span);
}

PositionSet::Place PositionSet::first_that_ends_at(std::uint64_t number) const {
  const auto piece = std::partition_point(pieces_.begin(), pieces_.end(),
                                          [&](const Piece& p) { return p.back().last < number; });
  if (piece == pieces_.end()) return {pieces_.size(), 0};
  const auto span = std::partition_point(piece->begin(), piece->end(),
                                         [&](const Span& s) { return s.last < number; });
  return {static_cast<std::size_t>(piece - pieces_.begin()),
          static_cast<std::size_t>(span - piece->begin())};
}

PositionSet::Place PositionSet::behind(const Place& place) const {
  if (place.at + 1 < pieces_[place.piece].size()) return {place.piece, place.at + 1};
  return {place.piece + 1, 0};
}

void PositionSet::insert(Place place, const Span& span) {
  above_floor_ += size_of(span);
  if (!stands(place)) {
    if (pieces_.empty() || pieces_.back().size() == kSpansPerPieceMax) pieces_.emplace_back();
    pieces_.back().push_back(span);
    return;
  }
  if (pieces_[place.piece].size() == kSpansPerPieceMax) {
    Piece& full = pieces_[place.piece];
    Piece upper(full.begin() + offset(full.size() / 2), full.end());
    full.resize(full.size() / 2);
    pieces_.insert(pieces_.begin() + offset(place.piece + 1), std::move(upper));
    const std::size_t lower = pieces_[place.piece].size();
    if (place.at > lower) place = {place.piece + 1, place.at - lower};
  }
  Piece& piece = pieces_[place.piece];
  piece.insert(piece.begin() + offset(place.at), span);
}

void PositionSet::erase(const Place& place) {
  above_floor_ -= size_of(at(place));
  Piece& piece = pieces_[place.piece];
  piece.erase(piece.begin() + offset(place.at));
  if (piece.empty()) pieces_.erase(pieces_.begin() + offset(place.piece));
}

/// The span takes up first … last, and all spans that it touches then.
void PositionSet::grow(const Place& place, std::uint64_t first, std::uint64_t last) {
  Span merged{std::min(first, at(place).first), std::max(last, at(place).last)};
  for (Place next = behind(place); stands(next) && at(next).first - 1 <= merged.last;
       next = behind(place)) {
    merged.last = std::max(merged.last, at(next).last);
    erase(next);
  }
  above_floor_ += size_of(merged) - size_of(at(place));
  at(place) = merged;
  join_small(place.piece + 1);  // From above: each leaves those below it where they are.
  join_small(place.piece);
  if (place.piece > 0) join_small(place.piece - 1);
}

/// Pieces that have become small become one, so that there are never many of them.
void PositionSet::join_small(std::size_t piece) {
  if (piece + 1 >= pieces_.size()) return;
  Piece& lower = pieces_[piece];
  Piece& upper = pieces_[piece + 1];
  if (lower.size() + upper.size() > kSpansPerPieceMax / 2) return;
  lower.insert(lower.end(), upper.begin(), upper.end());
  pieces_.erase(pieces_.begin() + offset(piece + 1));
}

void PositionSet::raise_floor() {
  if (pieces_.empty() || pieces_.front().front().first != floor_ + 1) return;
  const std::uint64_t floor = pieces_.front().front().last;
  erase({0, 0});
  floor_ = floor;
}

void PositionSet::add(std::uint64_t first, std::uint64_t last) {
  first = std::max(first, floor_ + 1);
  if (last < first) return;
  if (first == floor_ + 1 && (pieces_.empty() || last < pieces_.front().front().first - 1)) {
    floor_ = last;  // The common case: settled in order.
    return;
  }
  if (!pieces_.empty() && first - 1 == pieces_.back().back().last) {
    above_floor_ += last - first + 1;
    pieces_.back().back().last = last;  // In order, too, behind one that is open.
    return;
  }
  const Place place = first_that_ends_at(first - 1);
  if (stands(place) && at(place).first - 1 <= last) {
    grow(place, first, last);
  } else {
    insert(place, {first, last});
  }
  raise_floor();
}

void PositionSet::fill_lowest_hole() {
  if (!pieces_.empty()) add(floor_ + 1, pieces_.front().front().first - 1);
}

bool PositionSet::contains(std::uint64_t number) const {
  return number > 0 && contains_all(number, number);
}

bool PositionSet::contains_all(std::uint64_t first, std::uint64_t last) const {
  first = std::max(first, floor_ + 1);
  if (last < first) return true;
  const Place place = first_that_ends_at(first);
  if (!stands(place)) return false;
  const Span& span = pieces_[place.piece][place.at];
  return span.first <= first && last <= span.last;
}

std::uint64_t PositionSet::missing(std::uint64_t first, std::uint64_t last) const {
  first = std::max(first, floor_ + 1);
  if (last < first) return 0;
  std::uint64_t missing = last - first + 1;
  for (Place place = first_that_ends_at(first); stands(place); place = behind(place)) {
    const Span& span = pieces_[place.piece][place.at];
    if (span.first > last) break;
    missing -= std::min(span.last, last) - std::max(span.first, first) + 1;
  }
  return missing;
}

std::uint64_t PositionSet::next_missing(std::uint64_t number) const {
  number = std::max(number, floor_ + 1);
  const Place place = first_that_ends_at(number);
  if (!stands(place)) return number;
  const Span& span = pieces_[place.piece][place.at];
  return span.first <= number ? span.last + 1 : number;
}

std::size_t PositionSet::intervals() const {
  std::size_t count = floor_ == 0 ? 0 : 1;
  for (const Piece& piece : pieces_) count += piece.size();
  return count;
}

std::vector<PositionSet::Span> PositionSet::spans() const {
  std::vector<Span> spans;
  for (const Piece& piece : pieces_) spans.insert(spans.end(), piece.begin(), piece.end());
  return spans;
}

std::vector<std::size_t> PositionSet::piece_sizes() const {
  std::vector<std::size_t> sizes;
  for (const Piece& piece : pieces_) sizes.push_back(piece.size());
  return sizes;
}

bool PositionSet::operator==(const PositionSet& other) const {
  return floor_ == other.floor_ && above_floor_ == other.above_floor_ && spans() == other.spans();
}

}  // namespace capstan
