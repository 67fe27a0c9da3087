// Blocks by sequence, wherever they stand; and of one that is not there, all that is lost around
// it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cold_store.h"
#include "files.h"
#include "segment.h"
#include "segment_set.h"

namespace capstan {

/// Finds blocks in segments, and in cold/ those of segments that were dropped.
///
/// Thread: the reader's calls, which exclude each other; a commit may run beside them.
/// Source: FORMAT.md §8 (damage), §10 (cold copies).
class BlockLookup {
 public:
  BlockLookup(const DatabaseContext& context, const DataPaths& paths, SegmentSet& segments,
              ColdStore& cold)
      : context_(context), paths_(paths), segments_(segments), cold_(cold) {}

  /// The blocks around `sequences`, in this order. A sealed segment that does not check is replaced
  /// on the way. Errors: those of JournalStore::read().
  [[nodiscard]] Result<std::vector<SharedBlock>> read(std::span<const Sequence> sequences);

  /// What is not there around `base`, for which read() had an error: see JournalStore::lost_at().
  [[nodiscard]] std::optional<Gap> lost_at(Sequence base) const;

 private:
  /// Where a read of several blocks stands; holds its segment open.
  struct Place;

  [[nodiscard]] Status go_to(Place& place, Sequence first) const;
  [[nodiscard]] Result<SharedBlock> read_one(Place& place, Sequence sequence);
  [[nodiscard]] Result<SharedBlock> read_in_segment(Place& place, Sequence first,
                                                    Sequence sequence) const;
  [[nodiscard]] Status replace(Sequence first);
  [[nodiscard]] bool may_be_replaced(Sequence first, Sequence sequence) const;
  [[nodiscard]] bool is_above(Sequence sequence) const;
  [[nodiscard]] std::optional<Gap> lost_from_segment(Sequence first, Sequence base) const;
  [[nodiscard]] std::optional<Gap> lost_from_cold(Sequence base) const;

  const DatabaseContext& context_;
  const DataPaths& paths_;
  SegmentSet& segments_;
  ColdStore& cold_;
};

}  // namespace capstan
