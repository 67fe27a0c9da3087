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

/// Segments that the state knows and the disk does not have: what stood there is lost. A segment
/// whose `dropping` is durable is none of them.
std::vector<Gap> missing_segments(const State& state, const std::vector<Sequence>& on_disk) {
  std::vector<Gap> gaps;
  for (auto at = state.segments().begin(); at != state.segments().end(); ++at) {
    const auto next = std::next(at);
    const bool present = std::find(on_disk.begin(), on_disk.end(), at->first) != on_disk.end();
    if (present || at->second == SegmentState::kDropping || next == state.segments().end())
      continue;
    gaps.push_back({at->first, Sequence{next->first.value - 1}});
  }
  return gaps;
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
  merge_gaps(recovered.start.gaps, missing_segments(recovered.state, found.segments));
  // A gap that an earlier start has recorded is settled already.
  std::erase_if(recovered.start.gaps,
                [&](const Gap& gap) { return covers(recovered.state.gaps(), gap); });
  const std::vector<SegmentInfo> segments = store.segments();
  if (!segments.empty()) recovered.start.open_segment_bytes = segments.back().bytes;
  return recovered;
}

}  // namespace capstan
