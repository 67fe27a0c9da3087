// Which segments go, are copied or stay, by what a census has found; the room on the disk.
// FORMAT.md §2.
#include <algorithm>
#include <utility>

#include "stages.h"

namespace capstan {

namespace {

bool is_sparse(const Core& core, const NeededOfSegment& needed) {
  const bool roomy = !core.disk || core.disk->state == DiskState::kOk;
  const std::uint64_t percent =
      roomy ? core.config.cold_percent : core.config.cold_percent_low_disk;
  return needed.bytes * 100 < core.config.segment_bytes_max * percent;
}

enum class Verdict : std::uint8_t { kStays, kIsCopied, kGoes };

/// As if there were no retention.
Verdict judge_segment(const Core& core, Sequence first, const NeededOfSegment& needed) {
  const auto at = core.state.segments().find(first);
  const bool here = at != core.state.segments().end() && may_be_dropped(at->second);
  if (!here || (core.cold_copy && core.cold_copy->segment == first)) return Verdict::kStays;
  if (needed.records == 0) return Verdict::kGoes;
  const bool sparse = at->second == SegmentState::kSealed && is_sparse(core, needed);
  return sparse ? Verdict::kIsCopied : Verdict::kStays;
}

void carry_out(Core& core, Sequence first, Verdict verdict) {
  if (verdict == Verdict::kIsCopied) {
    core.sparse.push_back(first);
    return;
  }
  add_record(core, SegmentRecord{first, SegmentState::kDropping});
  core.consequences().drops.push_back({first, false});
}

/// New mail is worth more than what has been heard, unless that was to be kept for ever.
bool retention_gives_way(const Core& core) {
  return core.disk && core.disk->state != DiskState::kOk &&
         core.config.retention.kind != RetentionKind::kForever;
}

void retain(Core& core, Sequence first) {
  const SegmentContents contents = core.state.contents_of(first);
  RetainedSegments& retained = core.retained;
  ++retained.count;
  retained.bytes += contents.bytes;
  // Segments come by age: the first one is the first that is too old.
  if (retained.until_ns == 0 && contents.envelopes > 0) {
    retained.until_ns = retained_until_ns(core.config.retention, contents);
  }
}

}  // namespace

bool may_be_dropped(SegmentState state) {
  return state == SegmentState::kSealed || state == SegmentState::kCold;
}

// Nobody can tell an age while the clock is not trusted: then everything is kept.
Sequence oldest_retained(const Core& core) {
  const RetentionRule& rule = core.config.retention;
  if (rule.kind == RetentionKind::kAge && expiry_is_paused(core)) return Sequence{};
  return retained_from(rule, core.state, core.now.wall_ns);
}

bool retention_is_over(const Core& core) {
  const std::uint64_t until_ns = core.retained.until_ns;
  return until_ns != 0 && core.now.wall_ns >= until_ns && !expiry_is_paused(core);
}

// While the disk is low the oldest retained segment gives way in each census, and no second one:
// it may be room enough.
void judge_segments(Core& core, const Census& census) {
  core.sparse.clear();
  core.retained = {};
  bool gives_way = retention_gives_way(core);
  for (const auto& [first, needed] : census.segments) {
    const Verdict verdict = judge_segment(core, first, needed);
    if (verdict == Verdict::kStays) continue;
    if (first >= census.retained_from) {
      if (!std::exchange(gives_way, false)) {
        retain(core, first);
        continue;
      }
      core.audit("retention_gives_way", "segment=" + std::to_string(first.value) +
                                            " free_bytes=" + std::to_string(core.disk->free_bytes));
    }
    carry_out(core, first, verdict);
  }
}

void take_segment_dropped(Core& core, const SegmentDropped& dropped) {
  if (dropped.error) {
    core.audit("drop_failed", "segment=" + std::to_string(dropped.first.value) +
                                  " error=" + dropped.error->text());
    return;  // Its record is durable: the next start tries again.
  }
  if (dropped.kept_cold) return;
  add_record(core, SegmentRecord{dropped.first, SegmentState::kDropped});
}

std::string_view disk_state_text(DiskState state) {
  switch (state) {
    case DiskState::kOk:
      return "ok";
    case DiskState::kLow:
      return "low";
    case DiskState::kFull:
      return "full";
  }
  return "ok";
}

void take_disk_space(Core& core, const DiskSpace& disk) {
  const DiskState before = core.disk ? core.disk->state : DiskState::kOk;
  core.disk = disk;
  if (disk.state == before) return;
  core.audit("disk", "state=" + std::string(disk_state_text(disk.state)) +
                         " free_bytes=" + std::to_string(disk.free_bytes));
  if (disk.state != DiskState::kOk) begin_census(core);
}

}  // namespace capstan
