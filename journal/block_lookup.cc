#include "block_lookup.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "gap_row.h"
#include "salvage.h"

namespace capstan {

namespace {

// ---- In one segment ----

// Why the block that holds `sequence` cannot be had: somewhere in a segment that ought to hold it.
Error missing_block(SegmentReader& reader, Sequence sequence) {
  const Error not_found{ErrorCode::kNotFound,
                        "no block holds sequence " + std::to_string(sequence.value)};
  const auto lost = [](Gap gap) { return Error{ErrorCode::kDamaged, gap_text(gap) + " are lost"}; };
  reader.seek(sequence);
  const bool at_end = !reader.valid();
  if (at_end) {
    if (Status read = reader.status(); !read) return read.error();
  }
  Gap gap{sequence, at_end ? sequence : Sequence{reader.key().value - 1}};
  if (gap.first > gap.last) {  // An entry stands here, but it is no sound block.
    const auto entry = reader.entry();
    if (!entry && entry.error().code != ErrorCode::kDamaged) return entry.error();
    if (entry) return lost(std::get<Gap>(*entry));
    reader.next();
    return lost({sequence, reader.valid() ? Sequence{reader.key().value - 1} : sequence});
  }
  reader.seek_at_or_before(sequence);
  if (!reader.valid()) return at_end ? not_found : lost(gap);
  const auto before = reader.entry();
  if (!before) return before.error().code == ErrorCode::kDamaged ? lost(gap) : before.error();
  if (last_of(*before) < sequence) return at_end ? not_found : lost(gap);
  if (const auto* known = std::get_if<Gap>(&*before)) return lost(*known);
  return not_found;
}

/// The known loss that `sequence` lies in.
std::optional<Gap> known_gap(SegmentReader& reader, Sequence sequence) {
  reader.seek_at_or_before(sequence);
  if (!reader.valid()) return std::nullopt;
  const auto entry = reader.entry();
  if (!entry || !std::holds_alternative<Gap>(*entry)) return std::nullopt;
  const Gap gap = std::get<Gap>(*entry);
  return gap.last >= sequence ? std::optional(gap) : std::nullopt;
}

/// Whether the entry, if it can be read at all, may be counted as lost.
bool is_lost(const SegmentReader& reader) {
  const auto entry = reader.entry();
  return !entry && entry.error().code == ErrorCode::kDamaged;
}

/// All between the sound entries before and after `sequence`, which no block holds. Where nothing
/// follows, no more than `sequence` is known to be lost: the rest may not have been written.
Gap loss_around(SegmentReader& reader, Sequence sequence, Sequence segment_first) {
  Gap gap{segment_first, sequence};
  reader.seek(sequence.plus(1));
  while (reader.valid() && is_lost(reader)) reader.next();
  if (reader.valid()) gap.last = Sequence{reader.key().value - 1};
  reader.seek_at_or_before(sequence);
  while (reader.valid() && is_lost(reader)) {
    reader.seek_at_or_before(Sequence{reader.key().value - 1});
  }
  if (!reader.valid()) return gap;
  const auto before = reader.entry();
  if (before) gap.first = last_of(*before).plus(1);
  return gap;
}

Result<SharedBlock> read_block(SegmentReader& reader, Sequence sequence) {
  if (!reader.valid() || reader.key() != sequence) reader.seek_at_or_before(sequence);
  if (!reader.valid()) return missing_block(reader, sequence);
  const auto entry = reader.entry();
  const auto* block = entry ? std::get_if<StoredBlock>(&*entry) : nullptr;
  if (block == nullptr || block->header.last() < sequence) return missing_block(reader, sequence);
  SharedBlock copy = block->to_block();
  reader.next();  // Whoever reads one block mostly reads the one after it.
  return copy;
}

}  // namespace

// ---- In the journal ----

struct BlockLookup::Place {
  std::optional<Sequence> first;
  std::shared_ptr<Segment> segment;
  std::optional<SegmentReader> reader;

  void leave() {
    reader.reset();
    segment.reset();
    first.reset();
  }
};

Result<std::vector<SharedBlock>> BlockLookup::read(std::span<const Sequence> sequences) {
  std::vector<SharedBlock> blocks;
  blocks.reserve(sequences.size());
  Place place;
  for (const Sequence sequence : sequences) {
    auto block = read_one(place, sequence);
    if (!block) return block.error();
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

Result<SharedBlock> BlockLookup::read_one(Place& place, Sequence sequence) {
  const auto first = segments_.find(sequence);
  if (!first && is_above(sequence)) {
    return {ErrorCode::kNotFound, "no segment holds sequence " + std::to_string(sequence.value)};
  }
  if (!first) return cold_.read(sequence);
  auto block = read_in_segment(place, *first, sequence);
  if (block || block.error().code != ErrorCode::kDamaged || !may_be_replaced(*first, sequence)) {
    return block;
  }
  place.leave();
  if (Status replaced = replace(*first); !replaced) return replaced.error();
  return read_in_segment(place, *first, sequence);
}

Result<SharedBlock> BlockLookup::read_in_segment(Place& place, Sequence first,
                                                 Sequence sequence) const {
  if (Status there = go_to(place, first); !there) return there.error();
  return read_block(*place.reader, sequence);
}

Status BlockLookup::go_to(Place& place, Sequence first) const {
  if (place.first == first) return {};
  place.leave();
  auto opened = segments_.get(first);
  if (!opened) return opened.error();
  place.segment = std::move(*opened);
  place.reader.emplace(place.segment->reader());
  place.first = first;
  return {};
}

// The open segment is being written to, and a known loss has been dealt with.
bool BlockLookup::may_be_replaced(Sequence first, Sequence sequence) const {
  if (segments_.firsts().back() == first) return false;
  Place place;
  return !go_to(place, first) || !known_gap(*place.reader, sequence);
}

Status BlockLookup::replace(Sequence first) {
  if (Status room = check_room(context_, paths_.segment(first)); !room) return room;
  segments_.close(first);
  const auto aside = salvage_segment(context_, paths_, first, segments_.last_of(first));
  if (!aside) return aside.error();
  segments_.measure(first);
  return {};
}

bool BlockLookup::is_above(Sequence sequence) const {
  const std::vector<Sequence> firsts = segments_.firsts();
  return firsts.empty() || sequence >= firsts.back();
}

std::optional<Gap> BlockLookup::lost_at(Sequence base) const {
  const auto first = segments_.find(base);
  return first ? lost_from_segment(*first, base) : lost_from_cold(base);
}

std::optional<Gap> BlockLookup::lost_from_segment(Sequence first, Sequence base) const {
  Place place;
  if (!go_to(place, first)) return std::nullopt;
  if (const auto known = known_gap(*place.reader, base)) return known;
  const auto block = read_block(*place.reader, base);
  if (block || block.error().code == ErrorCode::kIo) return std::nullopt;
  // Behind the end of a segment that is followed by a hole, of which cold/ has lost what it knew.
  if (block.error().code == ErrorCode::kNotFound) {
    const Sequence last = segments_.last_of(first);
    return is_above(base) ? std::nullopt : std::optional(Gap{base, last});
  }
  return loss_around(*place.reader, base, first);
}

std::optional<Gap> BlockLookup::lost_from_cold(Sequence base) const {
  const std::vector<Sequence> firsts = segments_.firsts();
  const auto next = std::upper_bound(firsts.begin(), firsts.end(), base);
  if (next == firsts.end()) return std::nullopt;
  return cold_.lost_at(base, *next);
}

}  // namespace capstan
