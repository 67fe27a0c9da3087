// What a whole journal holds and what is wrong with it, read on a copy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capstan/journal/store.h"

namespace capstan::cli {

/// Sequences of one segment whose records are gone.
struct Loss {
  Gap range;
  Sequence segment;       ///< First sequence of the segment that they stood in.
  bool recorded = false;  ///< An earlier start has found it, and settled what stood there.
};

struct JournalReport {
  std::vector<SegmentInfo> segments;
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  Sequence last_sequence;
  Sequence applied;  ///< What the checkpoint reflects.
  bool state_damaged = false;
  bool state_from_snapshot = false;
  WitnessVerdict witness = WitnessVerdict::kNone;
  std::vector<std::string> damaged;  ///< Directories that did not check, below the data directory.
  std::vector<Loss> lost;            ///< Ascending.
  std::vector<Sequence> chain_breaks;
  std::vector<Sequence> unreadable_records;
  std::optional<Error> start_error;  ///< Why a hub would not start on this journal.

  [[nodiscard]] bool sound() const;
};

/// Does what a start does, then reads everything. `copy` is changed by it.
/// Errors: kUnsupportedVersion; kIo.
[[nodiscard]] Result<JournalReport> check_journal(const std::string& copy);

}  // namespace capstan::cli
