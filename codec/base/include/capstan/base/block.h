// What passes between the hub core and the journal: blocks of records, and the commits they form.
// The journal does not look inside the records; the core does not know how blocks reach the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/ids.h"

namespace capstan {

/// Records of one block take at most this much, unless a single larger record stands alone.
inline constexpr std::size_t kBlockBytesMax = 64 * 1024;

/// A run of records with consecutive sequences: `base`, `base` + 1, …
/// Source: FORMAT.md §3.
struct Block {
  Sequence base;                    ///< Sequence of the first record.
  std::uint32_t record_count = 0;   ///< At least 1.
  bool snapshot_begins = false;     ///< The first record begins a full snapshot of the state.
  std::uint64_t time_first_ns = 0;  ///< Earliest wall time of a record.
  std::uint64_t time_last_ns = 0;   ///< Latest one: the clock may step back.
  ByteBuffer records;               ///< Encoded by codec/record.h.

  [[nodiscard]] Sequence last() const { return base.plus(record_count - 1); }
};

using SharedBlock = std::shared_ptr<const Block>;

/// One group commit: durable as a whole or not at all.
struct Commit {
  CommitNumber number;
  std::uint64_t id_time_ceiling_ns = 0;  ///< No envelope id of this or an earlier commit is later.
  bool opens_segment = false;            ///< The blocks are the first of a new segment.
  std::vector<SharedBlock> blocks;       ///< Consecutive sequences; at least one block.
  bool tells_written = false;            ///< It is told as Written before it is Committed.
};

/// Sequences whose records are lost: from `first` to `last`, both included.
struct Gap {
  Sequence first;
  Sequence last;
  auto operator<=>(const Gap&) const = default;
};

}  // namespace capstan
