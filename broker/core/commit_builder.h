// Gathers records into blocks until the commit leaves for the journal.
#pragma once

#include <memory>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/codec/record.h"

namespace capstan {

/// The blocks of the commit in the making. Sequences are consecutive from `next()`.
class CommitBuilder {
 public:
  explicit CommitBuilder(Sequence next) : next_(next) {}

  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] Sequence next() const { return next_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Of these, of everything but a snapshot that has ended.
  [[nodiscard]] std::uint64_t bytes_behind_snapshot() const { return bytes_ - snapshot_bytes_; }

  /// Where one record of `record_bytes` goes: the block is open, has room, and counts the record.
  /// The caller appends exactly that many bytes to `records` before the next call.
  Block& add_record(std::size_t record_bytes, std::uint64_t wall_ns);

  /// The next record begins a snapshot at the head of a segment. Only while empty().
  void begin_snapshot() { snapshot_begins_ = true; }

  /// The snapshot is over. What follows begins a block: no mail stands among the rows.
  void end_snapshot() {
    snapshot_blocks_ = blocks_.size();
    snapshot_bytes_ = bytes_;
  }

  /// So many blocks at the beginning hold a snapshot that has ended, and nothing else.
  [[nodiscard]] std::size_t snapshot_blocks() const { return snapshot_blocks_; }

  /// The blocks; the builder is empty afterwards.
  [[nodiscard]] std::vector<SharedBlock> take();

 private:
  Sequence next_;
  std::uint64_t bytes_ = 0;
  bool snapshot_begins_ = false;
  std::size_t snapshot_blocks_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
  std::vector<std::shared_ptr<Block>> blocks_;
};

}  // namespace capstan
