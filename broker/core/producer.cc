#include "capstan/core/producer.h"

#include <algorithm>

#include "capstan/codec/limits.h"

namespace capstan {

namespace {

/// A hole below each, one number in it at least; and those up to the floor.
constexpr std::size_t kStretchesMax = kSendWindowEnvelopesMax + 1;

}  // namespace

Producer::Producer(PositionSet settled, std::deque<Run> runs, Sequence last_used)
    : settled_(std::move(settled)), runs_(std::move(runs)), last_used_(last_used) {}

void Producer::settle(std::uint64_t number, const EnvelopeId& id, Sequence sequence,
                      std::uint64_t count) {
  settled_.add(number, number + count - 1);
  // No session keeps so many numbers open: the lowest that is missing was given up long ago.
  while (settled_.intervals() > kStretchesMax) settled_.fill_lowest_hole();
  last_used_ = std::max(last_used_, sequence);
  if (!runs_.empty()) {
    Run& last = runs_.back();
    const bool continues =
        number == last.first + last.count &&
        id == (last.first_id.is_zero() ? last.first_id : last.first_id.plus(last.count));
    if (continues) {
      last.count += count;
      return;
    }
  }
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), number,
                       [](std::uint64_t n, const Run& run) { return n < run.first; });
  runs_.insert(after, Run{number, count, id});
  // A client has at most one window of numbers that it may still ask about.
  const auto end = [](const Run& run) { return run.first + run.count; };
  const std::uint64_t newest = end(runs_.back());
  while (end(runs_.front()) < newest && newest - end(runs_.front()) > kSendWindowEnvelopesMax) {
    runs_.pop_front();
  }
}

std::optional<EnvelopeId> Producer::id_of(std::uint64_t number) const {
  auto after = std::upper_bound(runs_.begin(), runs_.end(), number,
                                [](std::uint64_t n, const Run& run) { return n < run.first; });
  if (after == runs_.begin()) return std::nullopt;
  const Run& run = *--after;
  if (number >= run.first + run.count) return std::nullopt;
  return run.first_id.is_zero() ? run.first_id : run.first_id.plus(number - run.first);
}

}  // namespace capstan
