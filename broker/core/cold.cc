// Copies of what is needed in a sparse segment, so that the segment can go. FORMAT.md §10.
#include <algorithm>
#include <utility>

#include "capstan/codec/envelope.h"
#include "stages.h"

namespace capstan {

namespace {

/// What gathers before it is stored: each part costs a sync, and its row is written again.
constexpr std::uint64_t kPartBytes = 1024 * 1024;
/// After a copy that could not be stored: most likely the disk is full.
constexpr std::uint64_t kCopyRetryNs = 60 * kNsPerSecond;

bool is_waiting_mail(const State& state, const RecordView& record) {
  const auto envelope = decode_envelope_record(record);
  if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) return false;
  const auto mailbox = state.mailboxes().find(stamped_channel(envelope->envelope));
  return mailbox != state.mailboxes().end() &&
         !mailbox->second.settled.contains(envelope->position.value);
}

bool is_dead_letter(const State& state, const RecordView& record) {
  const auto dead = decode_dead_record(record.payload);
  const auto* letters = dead ? state.find_dead(dead->agent) : nullptr;
  if (letters == nullptr) return false;
  const auto at = std::lower_bound(
      letters->begin(), letters->end(), record.sequence,
      [](const DeadLetter& letter, Sequence sequence) { return letter.record < sequence; });
  return at != letters->end() && at->record == record.sequence;
}

bool is_needed(const State& state, const RecordView& record) {
  if (record.type == RecordType::kEnvelope) return is_waiting_mail(state, record);
  return record.type == RecordType::kDead && is_dead_letter(state, record);
}

/// Of records that have been looked at, those that are kept.
class Thinner {
 public:
  explicit Thinner(const Block& block) : block_(block), thinned_(std::make_shared<Block>()) {
    thinned_->base = block.base;
    thinned_->record_count = block.record_count;
    thinned_->time_first_ns = block.time_first_ns;
    thinned_->time_last_ns = block.time_last_ns;
    next_ = block.base;
  }

  void keep(const RecordView& record) {
    leave_out_before(record.sequence);
    const std::size_t bytes = kRecordHeaderBytes + record.payload.size();
    append(thinned_->records, Bytes(block_.records).subspan(record.end_offset - bytes, bytes));
    next_ = record.sequence.plus(1);
  }

  /// Null when nothing was kept.
  [[nodiscard]] SharedBlock finish() {
    if (next_ == block_.base) return nullptr;
    leave_out_before(block_.last().plus(1));
    return std::move(thinned_);
  }

 private:
  void leave_out_before(Sequence sequence) {
    if (next_ == sequence) return;
    append_left_out(static_cast<std::uint32_t>(sequence.value - next_.value), thinned_->records);
  }

  const Block& block_;
  std::shared_ptr<Block> thinned_;
  Sequence next_;
};

SharedBlock thin(const State& state, const Block& block) {
  Thinner thinner(block);
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (is_needed(state, *record)) thinner.keep(*record);
  }
  return thinner.finish();
}

/// True when all blocks of the segment with something needed are known.
bool gather(Core& core, ColdCopy& copy) {
  if (copy.gathered) return true;
  copy.gathered = copy.walk.step(core.state, copy.segment, copy.end, kRunsPerTurnMax,
                                 [&](const NeededInBlock& needed) {
                                   if (copy.bases.empty() || copy.bases.back() != needed.block) {
                                     copy.bases.push_back(needed.block);
                                   }
                                 });
  if (!copy.gathered) return false;
  std::sort(copy.bases.begin(), copy.bases.end());
  copy.bases.erase(std::unique(copy.bases.begin(), copy.bases.end()), copy.bases.end());
  return true;
}

void store(Core& core, ColdCopy& copy) {
  copy.storing = true;
  core.effects->push_back(
      StoreCold{{copy.segment, !std::exchange(copy.begun, true), std::exchange(copy.thinned, {})}});
  copy.thinned_bytes = 0;
}

/// Since they were gathered, somebody else may have met the loss of some.
void forget_lost(const State& state, ColdCopy& copy) {
  const auto unread = copy.bases.begin() + static_cast<std::ptrdiff_t>(copy.next);
  copy.bases.erase(
      std::remove_if(unread, copy.bases.end(), [&](Sequence base) { return state.is_lost(base); }),
      copy.bases.end());
}

void read_on(Core& core, ColdCopy& copy) {
  if (reads_are_full(core)) return;
  const std::size_t count = std::min(copy.blocks_per_read, copy.bases.size() - copy.next);
  const auto from = copy.bases.begin() + static_cast<std::ptrdiff_t>(copy.next);
  copy.reading = true;
  request_blocks(core, AgentId{}, ReadPurpose::kCopy,
                 {from, from + static_cast<std::ptrdiff_t>(count)});
}

/// The copy is whole and durable: from the next commit on it stands for the segment.
void finish(Core& core) {
  const ColdCopy copy = *std::exchange(core.cold_copy, std::nullopt);
  if (!copy.begun) return;  // Nothing in it is needed any more: the next census sees that.
  add_record(core, SegmentRecord{copy.segment, SegmentState::kCold});
  core.consequences().drops.push_back({copy.segment, true});
  ++core.counters.cold_copies;
}

void begin(Core& core) {
  while (!core.sparse.empty() && !core.cold_copy) {
    const Sequence first = core.sparse.front();
    core.sparse.pop_front();
    const auto at = core.state.segments().find(first);
    if (at == core.state.segments().end() || at->second != SegmentState::kSealed) continue;
    core.cold_copy.emplace();
    core.cold_copy->segment = first;
    core.cold_copy->end = std::next(at)->first;
  }
}

void add_block(Core& core, ColdCopy& copy, const Block& block) {
  ++copy.next;
  SharedBlock thinned = thin(core.state, block);
  if (thinned == nullptr) return;
  copy.thinned_bytes += thinned->records.size();
  copy.thinned.push_back(std::move(thinned));
}

}  // namespace

void copy_sparse(Core& core) {
  if (core.stopping || core.now.monotonic_ns < core.copies_resume_ns) return;
  if (!core.cold_copy) begin(core);
  if (!core.cold_copy) return;
  ColdCopy& copy = *core.cold_copy;
  if (copy.reading || copy.storing || !gather(core, copy)) return;
  forget_lost(core.state, copy);
  const bool all_read = copy.next == copy.bases.size();
  if (copy.thinned_bytes >= kPartBytes || (all_read && !copy.thinned.empty())) {
    store(core, copy);
  } else if (all_read) {
    finish(core);
  } else {
    read_on(core, copy);
  }
}

void take_copy_read(Core& core, const std::vector<Sequence>& bases, const ReadDone& done) {
  if (!core.cold_copy) return;
  ColdCopy& copy = *core.cold_copy;
  copy.reading = false;
  if (!done.error) {
    copy.blocks_per_read = kBlocksPerReadMax;
    for (const SharedBlock& block : done.blocks) add_block(core, copy, *block);
    return;
  }
  core.audit("read_failed", "segment=" + std::to_string(copy.segment.value) + " error=\"" +
                                done.error->text() + "\"");
  if (done.error->code == ErrorCode::kIo) {
    core.copies_resume_ns = core.now.monotonic_ns + kReadRetryNs;
    return;
  }
  // A damaged block is a gap, and only that block: of several, it is looked for one by one.
  copy.blocks_per_read = 1;
  if (bases.size() > 1) return;
  ++copy.next;
  record_gap(core, done.lost.value_or(Gap{bases.front(), bases.front()}));
}

void take_cold_stored(Core& core, const ColdPartStored& stored) {
  if (!core.cold_copy) return;
  core.cold_copy->storing = false;
  if (!stored.error) return;
  core.audit("cold_copy_failed", "segment=" + std::to_string(stored.segment.value) + " error=\"" +
                                     stored.error->text() + "\"");
  core.cold_copy.reset();
  core.sparse.clear();
  core.copies_resume_ns = core.now.monotonic_ns + kCopyRetryNs;
}

std::optional<std::uint64_t> next_copy_ns(const Core& core) {
  if (core.stopping || (!core.cold_copy && core.sparse.empty())) return std::nullopt;
  if (core.cold_copy && (core.cold_copy->reading || core.cold_copy->storing)) return std::nullopt;
  return std::max(core.now.monotonic_ns + kNsPerMs, core.copies_resume_ns);
}

}  // namespace capstan
