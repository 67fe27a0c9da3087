// The newest blocks, kept in memory for receivers that keep up.
#pragma once

#include <deque>
#include <unordered_map>

#include "capstan/base/block.h"

namespace capstan {

/// Blocks by base sequence, the oldest dropped first when over `bytes_max`.
class BlockCache {
 public:
  explicit BlockCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  void add(SharedBlock block);

  /// Null when the block is not resident.
  [[nodiscard]] SharedBlock find(Sequence base) const;

 private:
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::deque<Sequence> by_age_;
  std::unordered_map<Sequence, SharedBlock> blocks_;
};

}  // namespace capstan
