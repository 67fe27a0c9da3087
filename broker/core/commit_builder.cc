#include "commit_builder.h"

#include <algorithm>
#include <utility>

namespace capstan {

Block& CommitBuilder::add_record(std::size_t record_bytes, std::uint64_t wall_ns) {
  if (blocks_.size() == snapshot_blocks_ ||
      blocks_.back()->records.size() + record_bytes > kBlockBytesMax) {
    auto block = std::make_shared<Block>();
    block->base = next_;
    block->time_first_ns = wall_ns;
    block->snapshot_begins = std::exchange(snapshot_begins_, false);
    // Most blocks fill up; a commit of few small records should not cost 64 KiB.
    block->records.reserve(blocks_.empty() ? std::max<std::size_t>(record_bytes, 4096)
                                           : std::max(record_bytes, kBlockBytesMax));
    blocks_.push_back(std::move(block));
  }
  Block& block = *blocks_.back();
  ++block.record_count;
  // The wall clock may step back within a block.
  block.time_first_ns = std::min(block.time_first_ns, wall_ns);
  block.time_last_ns = std::max(block.time_last_ns, wall_ns);
  bytes_ += record_bytes;
  ++next_;
  return block;
}

std::vector<SharedBlock> CommitBuilder::take() {
  std::vector<SharedBlock> blocks(blocks_.begin(), blocks_.end());
  blocks_.clear();
  snapshot_blocks_ = 0;
  snapshot_bytes_ = 0;
  bytes_ = 0;
  return blocks;
}

}  // namespace capstan
