#include "disk.h"

#include <algorithm>
#include <array>
#include <utility>

#include "capstan/codec/envelope.h"

namespace capstan::sim {

namespace {

constexpr const char* kRoot = "/data";
/// So long a disk may hang before the power goes.
constexpr std::uint64_t kStallNsMax = 200 * kNsPerMs;
/// Of the mail that is retained.
constexpr std::size_t kRetainedReadsMax = 32;

/// What broker/recovery.cc does with a start, and the blocks beside it.
class Rehearsal final : public RecoverySink {
 public:
  Status row(Bytes key, Bytes value) override { return state.load_row(key, value); }
  Status block(const SharedBlock& block) override {
    blocks.push_back(block);
    return state.apply(*block);
  }

  State state;
  std::vector<SharedBlock> blocks;
};

bool same(const std::vector<StateRow>& a, const std::vector<StateRow>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StateRow& left, const StateRow& right) {
                      return left.key == right.key && left.value == right.value;
                    });
}

std::optional<Error> error_of(const Status& status) {
  if (status) return std::nullopt;
  return status.error();
}

}  // namespace

Disk::Disk(Common common, std::uint64_t seed)
    : common_(common), random_(seed), rot_random_(seed + 1) {
  env_.lie_about_sync(common_.plan.lie == Lie::kUnsyncedDisk);
}

std::uint64_t Disk::delay() { return random_.below(common_.plan.commit_delay_ns) + 1; }

Result<std::unique_ptr<JournalStore>> Disk::open() {
  JournalOptions options;
  options.directory = kRoot;
  options.env = &env_;
  options.write_buffer_bytes = common_.plan.write_buffer_bytes;
  return JournalStore::open(options);
}

Status Disk::rehearse(std::vector<SharedBlock>& blocks, std::vector<StateRow>& rows) {
  auto store = open();
  if (!store) return store.error();
  Rehearsal rehearsal;
  const auto summary = (*store)->recover(rehearsal);
  if (!summary) return summary.error();
  blocks = std::move(rehearsal.blocks);
  rows = rehearsal.state.all_rows();
  return {};
}

/// Damages a block with mail that waits, or a dead letter: another one would tell nothing.
void Disk::rot() {
  if (!common_.plan.rots || !rot_random_.one_in(2)) return;
  const Ledger& ledger = common_.auditor.ledger();
  std::vector<Sequence> waiting;
  std::vector<Sequence> dead;
  for (const auto& [channel, box] : ledger.boxes()) {
    for (const Stored& stored : box.mail) {
      if (!stored.settled) waiting.push_back(stored.id.sequence());
    }
  }
  for (const auto& [agent, letters] : ledger.letters()) {
    dead.insert(dead.end(), letters.begin(), letters.end());
  }
  // Letters are few beside the mail: by their number alone they would hardly ever be hit.
  const bool hits_letter = !dead.empty() && (waiting.empty() || rot_random_.one_in(2));
  const std::vector<Sequence>& among = hits_letter ? dead : waiting;
  if (among.empty()) return;
  const auto pick = static_cast<std::size_t>(rot_random_.below(among.size()));
  const std::vector<Gap> damaged = rot_.damage(env_, rot_random_, among[pick]);
  common_.counts.add(Count::kRotten, damaged.size());
  for (const Gap& block : damaged) {
    common_.trace.note("rot", {block.first.value, block.last.value});
    common_.auditor.rotted(block);
    for (const auto& [agent, letters] : ledger.letters()) {
      const auto lost =
          std::distance(letters.lower_bound(block.first), letters.upper_bound(block.last));
      common_.counts.add(Count::kRottenLetters, static_cast<std::uint64_t>(lost));
    }
  }
}

void Disk::check_damage(const Recovered& recovered) {
  const bool broken = !recovered.summary.chain_breaks.empty();
  if (broken) common_.auditor.violated("a start finds a break of the chain");
  for (const Gap& gap : recovered.start.gaps) {
    if (common_.auditor.ledger().is_exact(gap)) continue;
    common_.auditor.violated("a start reports other damage than there is: sequences " +
                             std::to_string(gap.first.value) + " to " +
                             std::to_string(gap.last.value));
  }
}

/// The auditor hears of all that is on disk, also of what lies below the state that was found.
void Disk::add_unheard(std::vector<SharedBlock>& blocks) {
  std::vector<SharedBlock> left = std::exchange(left_unheard_, {});
  if (blocks.empty()) return;
  std::erase_if(left, [&](const SharedBlock& block) {
    return block->base >= blocks.front()->base || block->base <= common_.auditor.ledger().last();
  });
  blocks.insert(blocks.begin(), left.begin(), left.end());
}

Result<Recovered> Disk::start() {
  rot();
  std::vector<SharedBlock> blocks;
  std::vector<StateRow> rows;
  if (Status rehearsed = rehearse(blocks, rows); !rehearsed) return rehearsed.error();
  // A start that comes to nothing leaves a disk that the next one understands.
  if (random_.one_in(4)) {
    env_.crash(random_);
    common_.auditor.power_cut();
    common_.counts.add(Count::kCutsInRecovery);
    if (Status again = rehearse(blocks, rows); !again) return again.error();
  }
  auto store = open();
  if (!store) return store.error();
  auto recovered = recover_state(**store);
  if (!recovered) return recovered.error();
  store_ = *std::move(store);
  common_.counts.add(Count::kRecoveries);
  common_.counts.add(Count::kStatesLost, recovered->summary.state_from_snapshot ? 1 : 0);
  common_.trace.note("recovered", {recovered->summary.last_sequence.value,
                                   recovered->summary.applied.value, blocks.size()});
  if (!same(rows, recovered->state.all_rows())) {
    common_.auditor.violated("two starts from the same disk make different states");
  }
  for (const SharedBlock& block : blocks) rot_.remember(*block);
  check_damage(*recovered);
  add_unheard(blocks);
  common_.auditor.recovered(recovered->summary.last_sequence, blocks, recovered->state);
  return recovered;
}

void Disk::enqueue(Queue& queue, Job job) {
  queue.done_ns = std::max(queue.done_ns, common_.schedule.now_ns()) + delay();
  common_.schedule.at(queue.done_ns, [this, &queue, job = std::move(job), life = life_] {
    if (life != life_ || stalled_) return;
    std::optional<Event> event = job();
    if (life != life_ || !event) return;  // The job ended the process, or the disk stalls.
    answer_later(queue, *std::move(event));
  });
}

void Disk::answer_later(Queue& queue, Event event) {
  queue.answered_ns = std::max(queue.answered_ns, common_.schedule.now_ns()) + delay();
  common_.schedule.at(queue.answered_ns, [this, life = life_, event = std::move(event)] {
    if (life == life_) answer(event);
  });
}

void Disk::answer(const Event& event) {
  if (std::holds_alternative<Committed>(event) && !unheard_.empty()) {
    common_.auditor.durable(unheard_.front());
    unheard_.pop_front();
  }
  answer_(event);
}

void Disk::commit(Commit commit) {
  common_.trace.note("commit", {commit.number.value, commit.blocks.size(), commit.opens_segment,
                                commit.blocks.back()->last().value});
  common_.counts.add(Count::kCommits);
  common_.counts.add(Count::kTwoInFlight, commits_waiting_ > 0 ? 1 : 0);
  common_.counts.add(Count::kSegmentRolls, commit.opens_segment && commit.number.value > 1 ? 1 : 0);
  common_.counts.add(Count::kSnapshots, commit.blocks.front()->snapshot_begins ? 1 : 0);
  ++commits_waiting_;
  if (common_.plan.lie == Lie::kEarlyWritten && commit.tells_written) {
    common_.schedule.after(1, [this, life = life_, number = commit.number] {
      if (life == life_) answer_(Written{number});
    });
  }
  if (common_.plan.lie == Lie::kEarlyCommitted) {
    common_.schedule.after(1, [this, life = life_, number = commit.number] {
      if (life == life_) answer_(Committed{number});
    });
  }
  enqueue(commits_, [this, commit = std::move(commit)] { return write(commit); });
}

Status Disk::write_to_store(const Commit& commit, bool& handed_over) {
  if (!commit.tells_written) return store_->commit(commit);
  return store_->commit(commit, [&] {
    handed_over = true;
    common_.auditor.written(commit.blocks);
    answer_later(commits_, Written{commit.number});
  });
}

/// True when the process ends with it, now or soon.
bool Disk::tear(bool written, bool handed_over) {
  common_.counts.add(Count::kTornCommits, written ? 0 : 1);
  env_.fail_sync_after(std::nullopt);
  auto then = std::exchange(tear_, nullptr);
  stalled_ = handed_over && !written;
  if (!stalled_) {
    then();
    return false;
  }
  common_.schedule.after(random_.below(kStallNsMax), [life = life_, this, then = std::move(then)] {
    if (life == life_) then();
  });
  return true;
}

std::optional<Event> Disk::write(const Commit& commit) {
  if (tear_) env_.fail_sync_after(random_.below(2));
  bool handed_over = false;
  const Status written = write_to_store(commit, handed_over);
  --commits_waiting_;
  common_.trace.note("commit done", {commit.number.value, written.ok()});
  if (!written) {
    common_.auditor.unknown(commit.blocks.back()->last());
  } else if (common_.plan.holds_written) {
    // Both kinds, so that they are heard in their order.
    common_.auditor.written(commit.blocks);
    unheard_.push_back(commit.blocks);
  } else {
    common_.auditor.durable(commit.blocks);
  }
  if (written) {
    for (const SharedBlock& block : commit.blocks) rot_.remember(*block);
  }
  if (tear_ && tear(written.ok(), handed_over)) return std::nullopt;
  if (written) return Committed{commit.number};
  return CommitUnknown{commit.number, written.error()};
}

void Disk::read(ReadId id, std::vector<Sequence> bases) {
  for (const Sequence& base : bases) {
    if (!common_.auditor.ledger().is_in_gap(base)) continue;
    common_.auditor.violated("block " + std::to_string(base.value) +
                             " is read, whose loss is known");
  }
  enqueue(reader_, [this, id, bases = std::move(bases)]() -> std::optional<Event> {
    ReadDone done = reads_fail_ ? ReadDone{id, {}, Error{ErrorCode::kIo, "simulated"}}
                                : answer_read(*store_, id, bases);
    common_.trace.note("read", {id.value, bases.front().value, bases.size(), !done.error});
    common_.counts.add(Count::kBlocksRead, done.blocks.size());
    if (done.error) check_failed_read(done, bases);
    return done;
  });
}

/// One block is read after the other, so that the error is about one that cannot be had.
void Disk::check_failed_read(const ReadDone& done, const std::vector<Sequence>& bases) {
  const Ledger& ledger = common_.auditor.ledger();
  const bool damaged = done.error->code == ErrorCode::kDamaged;
  common_.counts.add(damaged ? Count::kDamagedReads : Count::kFailedReads);
  const bool rotten = std::any_of(bases.begin(), bases.end(), [&](const Sequence& base) {
    return ledger.is_rotten({base, base});
  });
  if (damaged ? !rotten : !bad() || done.error->code != ErrorCode::kIo) {
    common_.auditor.violated("a read fails on a sound disk: " + done.error->text());
  }
  if (damaged && bases.size() == 1 && !done.lost) {
    common_.auditor.violated("a read does not say what is lost: " + done.error->text());
  }
}

void Disk::checkpoint(Checkpoint checkpoint) {
  enqueue(reader_, [this, checkpoint = std::move(checkpoint)]() -> std::optional<Event> {
    const Status written = store_->write_checkpoint(checkpoint);
    common_.trace.note("checkpoint", {checkpoint.applied.value, written.ok()});
    common_.counts.add(Count::kCheckpoints, written ? 1 : 0);
    if (written) rot_.checkpointed(checkpoint.applied);
    return CheckpointDone{checkpoint.applied, error_of(written)};
  });
}

void Disk::store_cold(ColdPart part) {
  enqueue(reader_, [this, part = std::move(part)]() -> std::optional<Event> {
    const Status stored = store_->store_cold(part);
    common_.trace.note("store cold", {part.segment.value, part.blocks.size(), stored.ok()});
    common_.counts.add(Count::kColdBlocks, stored ? part.blocks.size() : 0);
    return ColdPartStored{part.segment, error_of(stored)};
  });
}

void Disk::drop(const DropSegment& drop) {
  enqueue(reader_, [this, first = drop.first, cold = drop.keeps_cold]() -> std::optional<Event> {
    const Status dropped = store_->drop_segment(first, cold ? Keep::kCold : Keep::kNothing);
    common_.trace.note("drop", {first.value, dropped.ok(), cold});
    common_.counts.add(cold ? Count::kColdSegments : Count::kSegmentDrops, dropped ? 1 : 0);
    if (!dropped && !bad_) {
      common_.auditor.violated("a drop fails on a sound disk: " + dropped.error().text());
    }
    return SegmentDropped{first, error_of(dropped), cold};
  });
}

void Disk::check_retained() {
  // With rot it may be in a damaged block, and a bad disk reads nothing.
  if (common_.plan.rots || bad()) return;
  const std::vector<EnvelopeId> ids = common_.auditor.retained();
  const std::size_t step = ids.size() / kRetainedReadsMax + 1;
  // The oldest one is the first to be missing.
  for (std::size_t i = ids.size(); i > 0; i -= std::min(i, step)) check_retained(ids[i - 1]);
}

void Disk::check_retained(const EnvelopeId& id) {
  const std::array sequences{id.sequence()};
  const auto blocks = store_->read(sequences);
  if (!blocks) {
    return common_.auditor.violated("envelope " + id.hex() +
                                    " is within the retention: " + blocks.error().text());
  }
  RecordReader reader(*blocks->front());
  auto record = reader.next();
  while (record && record->sequence < id.sequence()) record = reader.next();
  const auto stored = record ? decode_envelope_record(*record) : std::nullopt;
  if (!stored || stamped_id(stored->envelope) != id) {
    return common_.auditor.violated("envelope " + id.hex() +
                                    " is within the retention, and was left out");
  }
  const Stored* known = common_.auditor.ledger().find(id);
  common_.counts.add(Count::kRetained, known != nullptr && known->settled ? 1 : 0);
}

void Disk::kill() {
  ++life_;
  answer_ = nullptr;
  tear_ = nullptr;
  commits_ = {};
  reader_ = {};
  commits_waiting_ = 0;
  for (const auto& commit : std::exchange(unheard_, {})) {
    left_unheard_.insert(left_unheard_.end(), commit.begin(), commit.end());
  }
  stalled_ = false;
  was_bad_ = bad_;
  store_.reset();
}

void Disk::cut_power() {
  kill();
  env_.crash(random_);
  common_.auditor.power_cut();
  common_.trace.note("power cut", {env_.bytes_used()});
}

void Disk::fill() {
  bad_ = true;
  was_bad_ = true;
  env_.full_after(env_.bytes_used() + random_.below(64 * 1024));
  common_.counts.add(Count::kFullDisks);
}

void Disk::fail_syncs() {
  bad_ = true;
  was_bad_ = true;
  env_.fail_sync_after(random_.below(6));
  common_.counts.add(Count::kFailedSyncs);
}

void Disk::fail_reads() {
  bad_ = true;
  was_bad_ = true;
  reads_fail_ = true;
}

void Disk::heal() {
  bad_ = false;
  reads_fail_ = false;
  env_.full_after(std::nullopt);
  env_.fail_sync_after(std::nullopt);
}

void Disk::lose_state() {
  if (common_.plan.rots) return;
  const std::string prefix = std::string(kRoot) + "/state/CURRENT";
  for (const std::string& path : env_.files()) {
    if (path == prefix) env_.set_content(path, "MANIFEST-999999\n");
  }
}

}  // namespace capstan::sim
