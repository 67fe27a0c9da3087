#include "recovery.h"

#include <algorithm>

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
    if (dropped || is_among(found.segments, at->first) || next == state.segments().end()) continue;
    gaps.push_back({at->first, last_of(next->first, at->first, found.cold)});
  }
  return gaps;
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
template <typename Gaps>
bool covers(const Gaps& gaps, const Gap& gap) {
  return std::any_of(gaps.begin(), gaps.end(), [&](const Gap& other) {
    return other.first <= gap.first && gap.last <= other.last;
  });
}

void merge_gaps(std::vector<Gap>& gaps, const std::vector<Gap>& more) {
  for (const Gap& gap : more) {
    if (!covers(gaps, gap)) gaps.push_back(gap);
  }
  std::sort(gaps.begin(), gaps.end());
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
  merge_gaps(recovered.start.gaps, missing_segments(recovered.state, found));
  recovered.start.cold_originals = cold_originals(recovered.state, found.segments);
  // A gap that an earlier start has recorded is settled already.
  std::erase_if(recovered.start.gaps,
                [&](const Gap& gap) { return covers(recovered.state.gaps(), gap); });
  const std::vector<SegmentInfo> segments = store.segments();
  if (!segments.empty()) recovered.start.open_segment_bytes = segments.back().bytes;
  return recovered;
}

}  // namespace capstan
