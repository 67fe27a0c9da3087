#include "segment_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include "capstan/base/check.h"
#include "salvage.h"

namespace capstan {

Status SegmentSet::load(const std::vector<Sequence>& elsewhere) {
  const auto names = list_directory(context_.env, paths_.journal());
  if (!names) return names.error();
  const std::lock_guard lock(mutex_);
  std::set<Sequence> begins(elsewhere.begin(), elsewhere.end());
  for (const std::string& name : *names) {
    const auto first = parse_segment_name(name);
    if (!first) continue;
    known_[*first].bytes = directory_bytes(context_.env, paths_.segment(*first));
    begins.insert(*first);
  }
  for (auto& [first, known] : known_) {
    const auto next = begins.upper_bound(first);
    known.last = Sequence{next == begins.end() ? first.value - 1 : next->value - 1};
  }
  return {};
}

std::vector<SegmentInfo> SegmentSet::infos() const {
  const std::lock_guard lock(mutex_);
  std::vector<SegmentInfo> infos;
  for (const auto& [first, known] : known_) infos.push_back({first, known.last, known.bytes});
  return infos;
}

std::vector<Sequence> SegmentSet::firsts() const {
  std::vector<Sequence> firsts;
  for (const SegmentInfo& info : infos()) firsts.push_back(info.first);
  return firsts;
}

// Opening may take a while (LevelDB moves its log into a table), and commit() must not wait for it:
// the lock is not held meanwhile. Only the reader's calls open segments, one at a time.
Result<std::shared_ptr<Segment>> SegmentSet::get(Sequence first) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(first);
    if (found == known_.end()) {
      return {ErrorCode::kNotFound, paths_.segment(first) + ": no such segment"};
    }
    found->second.used = ++turn_;
    if (found->second.handle) return found->second.handle;
  }
  auto opened = open(paths_.segment(first));
  if (!opened) return opened.error();
  std::shared_ptr<Segment> idle;
  const std::lock_guard lock(mutex_);
  Known& known = known_[first];
  known.handle = std::move(*opened);
  const auto handle = known.handle;
  idle = take_least_used();
  return handle;
}

// An exchange that failed half way has left the replacement beside the segment's name.
Result<std::unique_ptr<Segment>> SegmentSet::open(const std::string& path) const {
  if (!context_.env.FileExists(path)) {
    Status finished = finish_interrupted(context_.env, paths_.journal());
    if (!finished) return finished.error();
  }
  return Segment::open(context_, path);
}

// The newest segment is the one that is written to: never closed, and not counted.
std::shared_ptr<Segment> SegmentSet::take_least_used() {
  const auto newest = std::prev(known_.end());
  std::size_t open = 0;
  Known* least = nullptr;
  for (auto at = known_.begin(); at != newest; ++at) {
    if (!at->second.handle) continue;
    ++open;
    if (least == nullptr || at->second.used < least->used) least = &at->second;
  }
  return open > kSealedSegmentsOpenMax ? std::move(least->handle) : nullptr;
}

std::optional<Sequence> SegmentSet::find(Sequence sequence) const {
  const std::lock_guard lock(mutex_);
  auto after = known_.upper_bound(sequence);
  if (after == known_.begin()) return std::nullopt;
  const auto& [first, known] = *std::prev(after);
  if (sequence > known.last) return std::nullopt;
  return first;
}

Sequence SegmentSet::last_of(Sequence first) const {
  const std::lock_guard lock(mutex_);
  return known_.at(first).last;
}

Result<std::shared_ptr<Segment>> SegmentSet::create(Sequence first) {
  auto created = Segment::create(context_, paths_.segment(first));
  if (!created) return created.error();
  std::shared_ptr<Segment> idle;
  const std::lock_guard lock(mutex_);
  Known& known = known_[first];
  known.last = Sequence{first.value - 1};
  known.handle = std::move(*created);
  known.used = ++turn_;
  const auto handle = known.handle;
  idle = take_least_used();
  return handle;
}

void SegmentSet::close(Sequence first) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(first);
  if (found == known_.end()) return;
  // Moving a directory under an open database would let it write into the wrong one.
  CAPSTAN_CHECK(found->second.handle.use_count() <= 1);
  found->second.handle.reset();
}

// The new name makes the end of the segment one step: a half-destroyed one is never taken for
// damage. What a replacement that failed has left goes first: without the segment the next start
// would take it for one whose exchange was interrupted.
Status SegmentSet::destroy(Sequence first) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(first);
    if (found == known_.end()) return {};
    CAPSTAN_CHECK(found->second.handle.use_count() <= 1);
    known_.erase(found);
  }
  const std::string path = paths_.segment(first);
  const std::string dropping = path + std::string(kDroppingSuffix);
  for (const std::string_view suffix : {kRebuiltSuffix, kSalvageSuffix}) {
    Status removed = remove_tree(context_.env, path + std::string(suffix));
    if (!removed) return removed;
  }
  if (Status moved = move_directory(context_.env, path, dropping); !moved) return moved;
  return remove_tree(context_.env, dropping);
}

void SegmentSet::grow(Sequence last, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  CAPSTAN_CHECK(!known_.empty());
  Known& newest = known_.rbegin()->second;
  newest.last = last;
  newest.bytes += bytes;
}

void SegmentSet::measure(Sequence first) {
  const std::uint64_t bytes = directory_bytes(context_.env, paths_.segment(first));
  const std::lock_guard lock(mutex_);
  known_[first].bytes = bytes;
}

}  // namespace capstan
