// What a start does between the lock and the first commit: state, replay, damage.
#pragma once

#include <memory>
#include <optional>

#include "capstan/base/result.h"
#include "capstan/journal/store.h"
#include "cold_store.h"
#include "files.h"
#include "segment_set.h"
#include "state_db.h"
#include "witness.h"

namespace capstan {

struct RecoveredJournal {
  RecoverySummary summary;
  std::unique_ptr<StateDb> state;
  std::uint64_t last_checksum =
      0;  ///< Of the newest readable block; the next commit continues from it.
};

/// Runs once. Source: FORMAT.md §7.
class Recovery {
 public:
  /// Everything given outlives this. `witness` is what was read before anything was written.
  Recovery(const DatabaseContext& context, const DataPaths& paths, SegmentSet& segments,
           ColdStore& cold, std::optional<Witness> witness, RecoverySink& sink, Replay replay);

  [[nodiscard]] Result<RecoveredJournal> run();

 private:
  // State.
  [[nodiscard]] Status open_state();
  [[nodiscard]] Status check_segments_present() const;
  [[nodiscard]] Status deliver_rows();
  [[nodiscard]] Status begin_without_rows();
  [[nodiscard]] Status choose_snapshot();
  [[nodiscard]] Result<std::optional<Sequence>> snapshot_at_head(Sequence first);

  // Replay.
  [[nodiscard]] Status remove_unborn_segments();
  [[nodiscard]] Status replay();
  [[nodiscard]] Status replay_segment(Sequence first, std::optional<Sequence> last);
  [[nodiscard]] Status start_at(Sequence first);
  [[nodiscard]] Status walk(Segment& segment, std::optional<Sequence> last);
  [[nodiscard]] Status take(const SegmentEntry& entry);
  [[nodiscard]] Status take_block(const StoredBlock& block);
  [[nodiscard]] Status close_tail(Segment& segment, Sequence last);
  [[nodiscard]] Status pass_to(Sequence first);
  [[nodiscard]] Status walk_cold(const ColdRange& range);
  void take_gap(Gap gap);
  [[nodiscard]] WitnessVerdict judge_witness() const;

  // Damage.
  [[nodiscard]] Result<std::shared_ptr<Segment>> open_or_salvage(Sequence first);
  [[nodiscard]] Status salvage(Sequence first);
  [[nodiscard]] std::optional<Sequence> expected_end(Sequence first) const;
  [[nodiscard]] Sequence known_last() const;

  const DatabaseContext& context_;
  const DataPaths& paths_;
  SegmentSet& segments_;
  ColdStore& cold_;
  std::optional<Witness> witness_;
  RecoverySink& sink_;
  Replay replay_;

  std::unique_ptr<StateDb> state_;
  RecoverySummary summary_;
  Sequence next_;                               ///< The replay has dealt with everything before.
  std::optional<std::uint64_t> last_checksum_;  ///< Of the block before `next_`; empty after a gap.
  Sequence last_base_;                          ///< Of the newest block seen.
  std::uint64_t newest_checksum_ = 0;           ///< Of the same.
  Sequence commit_last_;                        ///< Where the commit of the last block ends.
};

}  // namespace capstan
