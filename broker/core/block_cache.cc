#include "block_cache.h"

namespace capstan {

void BlockCache::add(SharedBlock block) {
  const Sequence base = block->base;
  bytes_ += block->records.size();
  blocks_.emplace(base, std::move(block));
  by_age_.push_back(base);
  while (bytes_ > bytes_max_ && by_age_.size() > 1) {
    const auto oldest = blocks_.find(by_age_.front());
    bytes_ -= oldest->second->records.size();
    blocks_.erase(oldest);
    by_age_.pop_front();
  }
}

SharedBlock BlockCache::find(Sequence base) const {
  const auto at = blocks_.find(base);
  return at == blocks_.end() ? nullptr : at->second;
}

}  // namespace capstan
