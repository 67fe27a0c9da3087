#include "recovery.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

namespace capstan {

namespace {

class StateSink final : public RecoverySink {
 public:
  Status row(Bytes key, Bytes value) override { return state.load_row(key, value); }
  Status block(const SharedBlock& block) override { return state.apply(*block); }

  State state;
};

bool is_among(const std::vector<Sequence>& firsts, Sequence first) {
  return std::binary_search(firsts.begin(), firsts.end(), first);
}

/// Where the range of a segment ends: before the next one, or before one that was dropped.
Sequence last_of(Sequence next_first, Sequence first, const std::vector<Gap>& cold) {
  const auto dropped =
      std::find_if(cold.begin(), cold.end(), [&](const Gap& range) { return range.first > first; });
  if (dropped != cold.end()) next_first = std::min(next_first, dropped->first);
  return Sequence{next_first.value - 1};
}

/// Segments that the state knows and the disk does not have: what stood there is lost. One whose
/// `dropping` is durable is none of them, nor is one that is cold: what is missing there, reads
/// find.
std::vector<Gap> missing_segments(const State& state, const RecoverySummary& found) {
  std::vector<Gap> gaps;
  for (auto at = state.segments().begin(); at != state.segments().end(); ++at) {
    const auto next = std::next(at);
    const bool dropped = at->second == SegmentState::kDropping || at->second == SegmentState::kCold;
    if (dropped || is_among(found.segments, at->first)) continue;
    const Sequence end = next == state.segments().end() ? found.last_sequence.plus(1) : next->first;
    if (at->first < end) gaps.push_back({at->first, last_of(end, at->first, found.cold)});
  }
  return gaps;
}

/// Segments that the disk has and the state does not know: damage has hit the block that begins
/// them. Without a record of its own such a segment would count as a part of the one before it.
std::vector<Sequence> unlisted_segments(const State& state, const std::vector<Sequence>& on_disk) {
  std::vector<Sequence> unlisted;
  for (const Sequence& first : on_disk) {
    if (!state.segments().contains(first)) unlisted.push_back(first);
  }
  return unlisted;
}

/// What is written next goes into the newest segment on disk, and counts by the state as part of
/// the newest one that it knows. When these are two, the older would be dropped with what came
/// after the newer one: neither is written to again.
std::uint64_t open_segment_bytes(const State& state, const std::vector<SegmentInfo>& on_disk) {
  if (state.segments().empty()) return 0;
  const bool same = !on_disk.empty() && on_disk.back().first == state.segments().rbegin()->first;
  return same ? on_disk.back().bytes : UINT64_MAX;
}

/// A crash came between the record that says so and the end of the segment.
std::vector<Sequence> cold_originals(const State& state, const std::vector<Sequence>& on_disk) {
  std::vector<Sequence> originals;
  for (const auto& [first, segment_state] : state.segments()) {
    if (segment_state == SegmentState::kCold && is_among(on_disk, first))
      originals.push_back(first);
  }
  return originals;
}

/// One of `gaps` holds all of `gap`.
bool covers(const std::set<Gap>& gaps, const Gap& gap) {
  return std::any_of(gaps.begin(), gaps.end(), [&](const Gap& other) {
    return other.first <= gap.first && gap.last <= other.last;
  });
}

/// Each sequence is in one gap only: of what is lost twice everybody would be told twice.
/// One that an earlier start has recorded is `settled` already.
void merge_gaps(std::vector<Gap>& gaps, const std::vector<Gap>& more,
                const std::set<Gap>& settled) {
  gaps.insert(gaps.end(), more.begin(), more.end());
  std::erase_if(gaps, [&](const Gap& gap) { return covers(settled, gap); });
  std::sort(gaps.begin(), gaps.end());
  std::vector<Gap> merged;
  for (const Gap& gap : gaps) {
    if (merged.empty() || gap.first > merged.back().last) {
      merged.push_back(gap);
    } else {
      merged.back().last = std::max(merged.back().last, gap.last);
    }
  }
  gaps = std::move(merged);
}

}  // namespace

Result<Recovered> recover_state(JournalStore& store) {
  StateSink sink;
  auto summary = store.recover(sink);
  if (!summary) return summary.error();
  Recovered recovered{std::move(sink.state), {}, *std::move(summary)};
  const RecoverySummary& found = recovered.summary;
  recovered.start.last_commit = found.last_commit;
  recovered.start.last_sequence = found.last_sequence;
  recovered.start.id_time_ceiling_ns = found.id_time_ceiling_ns;
  recovered.start.gaps = found.gaps;
  recovered.start.checkpointed = found.applied;
  recovered.start.chain_breaks = found.chain_breaks;
  merge_gaps(recovered.start.gaps, missing_segments(recovered.state, found),
             recovered.state.gaps());
  recovered.start.cold_originals = cold_originals(recovered.state, found.segments);
  recovered.start.unlisted = unlisted_segments(recovered.state, found.segments);
  recovered.start.open_segment_bytes = open_segment_bytes(recovered.state, store.segments());
  return recovered;
}

}  // namespace capstan
