#include "rot.h"

#include <iterator>

namespace capstan::sim {

namespace {

constexpr std::size_t kBeginBytes = 96;

}  // namespace

void Rot::remember(const Block& block) {
  if (block.snapshot_begins || block.records.size() < kBeginBytes) return;
  const Bytes begin = Bytes(block.records).first(kBeginBytes);
  blocks_[block.base] = {block.last(), std::string(as_text(begin))};
}

std::optional<Gap> Rot::damage(MemoryEnv& env, Random& random, Sequence sequence) {
  auto at = blocks_.upper_bound(sequence);
  if (at == blocks_.begin()) return std::nullopt;
  at = std::prev(at);
  const Gap range{at->first, at->second.last};
  if (sequence > range.last || range.last > applied_) return std::nullopt;
  bool found = false;
  for (const std::string& path : env.files()) {
    // What is set aside was damaged before.
    if (path.find("/journal/") == std::string::npos || path.find(".quarantined") < path.size()) {
      continue;
    }
    const std::size_t offset = env.content(path).find(at->second.begin);
    if (offset == std::string::npos) continue;
    env.flip_bit(path, offset + random.below(kBeginBytes), static_cast<unsigned>(random.below(8)));
    found = true;
  }
  if (!found) return std::nullopt;
  blocks_.erase(at);
  return range;
}

}  // namespace capstan::sim
