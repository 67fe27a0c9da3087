// The state on its way to the disk: snapshots at the heads of segments, and checkpoints.
// FORMAT.md §2, §4 and §5.
#include <algorithm>
#include <utility>

#include "stages.h"

namespace capstan {

namespace {

constexpr std::uint64_t kCheckpointBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kSnapshotSpacingBytesMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kSnapshotSpacingSizes = 10;

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

bool checkpoint_is_due(const Core& core) {
  if (core.checkpoint_in_flight || !core.state.dirty()) return false;
  // A disk that takes none must not keep the hub from stopping.
  if (core.stopping && core.checkpoints_failed) return false;
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
  // Commits go on, and nothing is dropped until one succeeds. The journal has kept what this one
  // said, and writes it with the next.
  if (done.error) core.audit("checkpoint_failed", "error=" + done.error->text());
  core.checkpoints_failed = done.error.has_value();
  core.checkpoint_in_flight = false;
  if (done.error) return;
  core.checkpointed = done.applied;
  begin_census(core);
}

}  // namespace capstan
