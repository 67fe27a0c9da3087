// The census: what is needed in segments that may go, and who needs it.
#include <algorithm>
#include <utility>

#include "stages.h"

namespace capstan {

namespace {

/// Who holds most of the disk, for `status`.
constexpr std::size_t kPinsMax = 5;

/// The newest snapshot and all after it stay: a start without a checkpoint begins there.
Sequence end_of_droppable(const Core& core) {
  return std::min({core.state.snapshot(), core.checkpointed, core.committed});
}

/// Keeps the largest ones.
void close_pin(Census& census) {
  Pin pin = std::exchange(census.pin, {});
  if (pin.segments.empty()) return;
  const auto at = std::find_if(census.pins.begin(), census.pins.end(), [&](const Pin& other) {
    return other.segments.size() < pin.segments.size();
  });
  census.pins.insert(at, std::move(pin));
  if (census.pins.size() > kPinsMax) census.pins.pop_back();
}

void count(const Core& core, Census& census, const NeededInBlock& needed) {
  const auto after = census.segments.upper_bound(needed.block);
  if (after == census.segments.begin()) return;
  auto& [first, segment] = *std::prev(after);
  segment.records += needed.records;
  segment.bytes += needed.bytes;
  const bool dead_letters = census.walk.among_dead();
  if (census.pin.agent != needed.agent || census.pin.dead_letters != dead_letters) {
    close_pin(census);
    census.pin.agent = needed.agent;
    census.pin.dead_letters = dead_letters;
    census.pin.oldest = needed.block;
  }
  census.pin.oldest = std::min(census.pin.oldest, needed.block);
  const auto state = core.state.segments().find(first);
  const bool whole = state != core.state.segments().end() && state->second == SegmentState::kSealed;
  if (whole && first < census.retained_from) census.pin.segments.insert(first);
}

}  // namespace

void begin_census(Core& core) {
  if (core.stopping || core.census) return;
  const Sequence end = end_of_droppable(core);
  Census census;
  const auto& segments = core.state.segments();
  for (auto at = segments.begin(); at != segments.end(); ++at) {
    const auto next = std::next(at);
    if (next == segments.end() || next->first > end) break;
    if (!may_be_dropped(at->second)) continue;
    census.segments[at->first];
    census.end = next->first;
  }
  if (census.segments.empty()) {
    core.retained = {};
    return;
  }
  census.retained_from = oldest_retained(core);
  core.census = std::move(census);
}

void take_census(Core& core) {
  if (core.stopping) core.census.reset();
  if (retention_is_over(core)) begin_census(core);
  if (!core.census) return;
  Census& census = *core.census;
  const bool over =
      census.walk.step(core.state, census.segments.begin()->first, census.end, kRunsPerTurnMax,
                       [&](const NeededInBlock& needed) { count(core, census, needed); });
  if (!over) return;
  close_pin(census);
  core.pins = std::move(census.pins);
  judge_segments(core, census);
  core.census.reset();
}

std::optional<std::uint64_t> next_census_ns(const Core& core) {
  if (!core.census) return std::nullopt;
  return core.now.monotonic_ns + kNsPerMs;
}

}  // namespace capstan
