// Segments, snapshots, checkpoints, and what may be dropped. FORMAT.md §2, §4 and §5.
#include <algorithm>
#include <utility>

#include "stages.h"

namespace capstan {

namespace {

constexpr std::uint64_t kCheckpointBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kSnapshotSpacingBytesMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kSnapshotSpacingSizes = 10;

/// Who holds most of the disk, for `status`.
constexpr std::size_t kPinsMax = 5;

bool snapshot_is_due(const Core& core) {
  return core.state.snapshot().value == 0 ||
         core.bytes_since_snapshot >=
             std::min(kSnapshotSpacingBytesMax, kSnapshotSpacingSizes * core.snapshot_bytes);
}

void add_snapshot(Core& core) {
  core.builder.begin_snapshot();
  ByteBuffer marker;
  encode_marker_record(RecordType::kSnapshotBegin, marker);
  add_encoded_record(core, marker);
  core.state.for_each_row([&](const StateRow& row) {
    add_record(core, SnapshotRow{as_bytes(row.key), as_bytes(row.value)});
  });
  marker.clear();
  encode_marker_record(RecordType::kSnapshotEnd, marker);
  add_encoded_record(core, marker);
  core.builder.end_snapshot();
  core.snapshot_bytes = core.builder.bytes();
  core.bytes_since_snapshot = 0;
}

bool may_be_dropped(SegmentState state) {
  return state == SegmentState::kSealed || state == SegmentState::kCold;
}

/// The newest snapshot and all after it stay: a start without a checkpoint begins there.
Sequence end_of_droppable(const Core& core) {
  return std::min({core.state.snapshot(), core.checkpointed, core.committed});
}

/// Nobody can tell an age while the clock is not trusted: then everything is kept.
Sequence oldest_retained(const Core& core) {
  const RetentionRule& rule = core.config.retention;
  if (rule.kind == RetentionKind::kAge && expiry_is_paused(core)) return Sequence{};
  return retained_from(rule, core.state, core.now.wall_ns);
}

void begin_census(Core& core) {
  if (core.stopping || core.census) return;
  const Sequence end = end_of_droppable(core);
  Census census;
  const auto& segments = core.state.segments();
  for (auto at = segments.begin(); at != segments.end(); ++at) {
    const auto next = std::next(at);
    if (next == segments.end() || next->first > end) break;
    if (!may_be_dropped(at->second)) continue;
    census.segments[at->first];
    census.end = next->first;
  }
  if (census.segments.empty()) {
    core.retained = {};
    return;
  }
  census.retained_from = oldest_retained(core);
  core.census = std::move(census);
}

/// Keeps the largest ones.
void close_pin(Census& census) {
  Pin pin = std::exchange(census.pin, {});
  if (pin.segments.empty()) return;
  const auto at = std::find_if(census.pins.begin(), census.pins.end(), [&](const Pin& other) {
    return other.segments.size() < pin.segments.size();
  });
  census.pins.insert(at, std::move(pin));
  if (census.pins.size() > kPinsMax) census.pins.pop_back();
}

void count(const Core& core, Census& census, const NeededInBlock& needed) {
  const auto after = census.segments.upper_bound(needed.block);
  if (after == census.segments.begin()) return;
  auto& [first, segment] = *std::prev(after);
  segment.records += needed.records;
  segment.bytes += needed.bytes;
  const bool dead_letters = census.walk.among_dead();
  if (census.pin.agent != needed.agent || census.pin.dead_letters != dead_letters) {
    close_pin(census);
    census.pin.agent = needed.agent;
    census.pin.dead_letters = dead_letters;
    census.pin.oldest = needed.block;
  }
  census.pin.oldest = std::min(census.pin.oldest, needed.block);
  const auto state = core.state.segments().find(first);
  const bool whole = state != core.state.segments().end() && state->second == SegmentState::kSealed;
  if (whole && first < census.retained_from) census.pin.segments.insert(first);
}

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

/// While the disk is low the oldest retained segment gives way in each census, and no second one:
/// it may be room enough.
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

/// What was retained for an age is too old now, and no checkpoint may come for long.
bool retention_is_over(const Core& core) {
  const std::uint64_t until_ns = core.retained.until_ns;
  return until_ns != 0 && core.now.wall_ns >= until_ns && !expiry_is_paused(core);
}

bool checkpoint_is_due(const Core& core) {
  if (core.checkpoint_in_flight || core.checkpoints_failed || !core.state.dirty()) return false;
  return core.stopping || core.bytes_since_checkpoint >= kCheckpointBytes ||
         core.now.monotonic_ns >=
             core.last_checkpoint_ns + core.config.checkpoint_interval_ms * kNsPerMs;
}

}  // namespace

void begin_commit(Core& core) {
  if (!core.builder.empty() || core.opens_segment) return;
  const auto& segments = core.state.segments();
  if (!segments.empty() && core.open_segment_bytes < core.config.segment_bytes_max) return;
  core.opens_segment = true;  // Set first: the records below begin commits of their own.
  core.open_segment_bytes = 0;
  const Sequence first = core.builder.next();
  if (snapshot_is_due(core)) add_snapshot(core);
  if (!segments.empty()) {
    add_record(core, SegmentRecord{segments.rbegin()->first, SegmentState::kSealed});
  }
  add_record(core, SegmentRecord{first, SegmentState::kOpen});
}

void checkpoint_if_due(Core& core) {
  if (!checkpoint_is_due(core)) return;
  core.checkpoint_in_flight = true;
  core.bytes_since_checkpoint = 0;
  core.last_checkpoint_ns = core.now.monotonic_ns;
  Checkpoint checkpoint = core.state.take_dirty_rows();
  if (core.uncommitted()) {
    core.consequences().checkpoint = std::move(checkpoint);
  } else {
    core.effects->push_back(WriteCheckpoint{std::move(checkpoint)});
  }
}

void take_checkpoint_done(Core& core, const CheckpointDone& done) {
  if (done.error) {
    // The state on disk is closed for this process: commits go on, nothing is dropped any more, and
    // the next start replays from the last checkpoint that was written.
    core.audit("checkpoint_failed", "error=" + done.error->text());
    core.checkpoints_failed = true;
  }
  core.checkpoint_in_flight = false;
  if (done.error) return;
  core.checkpointed = done.applied;
  begin_census(core);
}

void take_census(Core& core) {
  if (core.stopping) core.census.reset();
  if (retention_is_over(core)) begin_census(core);
  if (!core.census) return;
  Census& census = *core.census;
  const bool over =
      census.walk.step(core.state, census.segments.begin()->first, census.end, kRunsPerTurnMax,
                       [&](const NeededInBlock& needed) { count(core, census, needed); });
  if (!over) return;
  close_pin(census);
  core.pins = std::move(census.pins);
  judge_segments(core, census);
  core.census.reset();
}

std::optional<std::uint64_t> next_census_ns(const Core& core) {
  if (!core.census) return std::nullopt;
  return core.now.monotonic_ns + kNsPerMs;
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
