#include "capstan/journal/store.h"

#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "ballast.h"
#include "block_codec.h"
#include "block_lookup.h"
#include "capstan/base/check.h"
#include "checkpoint_writer.h"
#include "cold_store.h"
#include "env.h"
#include "files.h"
#include "lock.h"
#include "recovery.h"
#include "salvage.h"
#include "segment.h"
#include "segment_set.h"
#include "witness.h"

namespace capstan {

namespace {

// Shared by all segments; reads of blocks do not fill it, so that it holds little but LevelDB's
// own.
constexpr std::size_t kCacheBytes = std::size_t{1} << 20;

/// A snapshot's commit is as large as the state. What it took goes back to the system afterwards.
constexpr std::size_t kBatchKeptBytesMax = std::size_t{16} << 20;

Result<std::unique_ptr<WitnessFile>> open_witness(JournalEnv& env, const DataPaths& paths,
                                                  bool real_disk) {
  if (real_disk) return open_disk_witness(paths.witness());
  return make_env_witness(env, paths.witness());
}

Sequence last_of_commit(const Commit& commit) { return commit.blocks.back()->last(); }

// Programmer errors of the core: a WAL with such a commit could not be replayed.
void check_commit(const Commit& commit, CommitNumber last_commit, Sequence last_sequence) {
  CAPSTAN_CHECK(commit.number == last_commit.plus(1));
  CAPSTAN_CHECK(!commit.blocks.empty());
  Sequence expected = last_sequence.plus(1);
  for (const SharedBlock& block : commit.blocks) {
    CAPSTAN_CHECK(block->base == expected && block->record_count > 0);
    expected = block->last().plus(1);
  }
}

/// The range lies in one of which nothing is kept.
bool is_forgotten(const ColdStore& cold, Sequence first) {
  const auto range = cold.find(first);
  return range && range->first < first;
}

}  // namespace

struct JournalStore::Parts {
  Parts(const JournalOptions& options, DataPaths data_paths)
      : paths(std::move(data_paths)),
        real_disk(options.env == nullptr),
        env(real_disk ? std::make_unique<JournalEnv>(directory_sync)
                      : std::make_unique<JournalEnv>(*options.env, Background::kInline)),
        cache(leveldb::NewLRUCache(kCacheBytes)),
        context{*env, *cache, log, options.write_buffer_bytes, true, options.reserve_bytes},
        ballast(paths.ballast(), options.ballast_bytes),
        segments(context, paths),
        cold(context, paths),
        lookup(context, paths, segments, cold),
        checkpoints(context, paths.state()) {}

  Status open_files();
  Status open_segment_for(const Commit& commit);
  ColdRange cold_range(Sequence first) const;
  Status stop(Error error);

  // Set up in this order; databases end before the cache and the Env they use.
  DataPaths paths;
  bool real_disk;
  PosixDirectorySync directory_sync;
  std::unique_ptr<JournalEnv> env;
  std::unique_ptr<leveldb::Cache> cache;
  SilentLogger log;
  DatabaseContext context;
  std::unique_ptr<DirectoryLock> lock;
  Ballast ballast;
  std::unique_ptr<WitnessFile> witness;
  SegmentSet segments;
  ColdStore cold;
  BlockLookup lookup;
  CheckpointWriter checkpoints;  ///< The reader's.
  bool recovered = false;

  // The committing thread's.
  std::shared_ptr<Segment> open;
  CommitEncoder encoder;
  leveldb::WriteBatch batch;
  std::uint64_t last_checksum = 0;

  /// Set by the committing thread, taken by a later checkpoint: by then the core has let go, too.
  std::atomic<bool> memory_is_due{false};

  // The reader's calls exclude each other.
  std::mutex reader_mutex;

  // What both look at.
  mutable std::mutex tail_mutex;
  CommitNumber last_commit;
  Sequence last_sequence;
  std::uint64_t id_time_ceiling_ns = 0;
  std::optional<Error> stopped;
};

Status JournalStore::Parts::open_files() {
  if (Status made = make_directory(*env, paths.root); !made) return made;
  auto locked = DirectoryLock::acquire(*env, paths, real_disk);
  if (!locked) return locked.error();
  lock = std::move(*locked);
  if (real_disk) {
    if (Status settled = ballast.settle(); !settled) return settled;
  }
  if (Status made = make_directory(*env, paths.journal()); !made) return made;
  auto opened = open_witness(*env, paths, real_disk);
  if (!opened) return opened.error();
  witness = std::move(*opened);
  for (const std::string& directory : {paths.root, paths.journal()}) {
    if (Status finished = finish_interrupted(*env, directory); !finished) return finished;
  }
  if (Status opened_cold = cold.open(); !opened_cold) return opened_cold;
  std::vector<Sequence> elsewhere;
  for (const ColdRange& range : cold.ranges()) elsewhere.push_back(range.first);
  return segments.load(elsewhere);
}

// Lets go of the full segment first: from then on the reader may drop it.
Status JournalStore::Parts::open_segment_for(const Commit& commit) {
  open.reset();
  auto created = segments.create(commit.blocks.front()->base);
  if (!created) return created.error();
  open = std::move(*created);
  return {};
}

Status JournalStore::Parts::stop(Error error) {
  error.code = ErrorCode::kIo;
  error.context = "the journal has stopped: " + error.context;
  const std::lock_guard guard(tail_mutex);
  stopped = error;
  return error;
}

JournalStore::JournalStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

JournalStore::~JournalStore() = default;

Result<std::unique_ptr<JournalStore>> JournalStore::open(const JournalOptions& options) {
  // LevelDB makes its files readable for everybody; mail is nobody else's business.
  if (options.env == nullptr) ::umask(0077);
  auto parts = std::make_unique<Parts>(options, DataPaths{options.directory});
  if (Status opened = parts->open_files(); !opened) return opened.error();
  return std::unique_ptr<JournalStore>(new JournalStore(std::move(parts)));
}

Result<RecoverySummary> JournalStore::recover(RecoverySink& sink, Replay replay) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(!p.recovered);
  Recovery recovery(p.context, p.paths, p.segments, p.cold, p.witness->read(), sink, replay);
  auto done = recovery.run();
  if (!done) return done.error();
  const RecoverySummary& summary = done->summary;
  if (!summary.segments.empty()) {
    auto newest = p.segments.get(summary.segments.back());
    if (!newest) return newest.error();
    p.open = std::move(*newest);
    p.segments.grow(summary.last_sequence, 0);
  }
  p.checkpoints.begin(std::move(done->state));
  p.last_checksum = done->last_checksum;
  p.last_commit = summary.last_commit;
  p.last_sequence = summary.last_sequence;
  p.id_time_ceiling_ns = summary.id_time_ceiling_ns;
  p.recovered = true;
  return summary;
}

Status JournalStore::commit(const Commit& commit, std::function<void()> written) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(p.recovered);
  if (p.stopped) return *p.stopped;
  check_commit(commit, p.last_commit, p.last_sequence);
  CAPSTAN_CHECK(commit.opens_segment || p.open);
  if (commit.opens_segment) {
    if (Status opened = p.open_segment_for(commit); !opened) return p.stop(opened.error());
  }
  p.batch.Clear();
  const std::uint64_t checksum = p.encoder.encode(commit, p.last_checksum, p.batch);
  Status synced = p.open->append(p.batch, std::move(written));
  if (!synced) return p.stop(synced.error());
  p.last_checksum = checksum;
  const Sequence last = last_of_commit(commit);
  p.segments.grow(last, p.batch.ApproximateSize());
  if (p.batch.ApproximateSize() > kBatchKeptBytesMax) {
    p.batch = leveldb::WriteBatch();
    p.memory_is_due = true;
  }
  const std::lock_guard guard(p.tail_mutex);
  p.last_commit = commit.number;
  p.last_sequence = last;
  p.id_time_ceiling_ns = std::max(p.id_time_ceiling_ns, commit.id_time_ceiling_ns);
  p.witness->write({commit.number, last, checksum, p.id_time_ceiling_ns});
  return {};
}

Result<std::vector<SharedBlock>> JournalStore::read(std::span<const Sequence> sequences) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(p.recovered);
  const std::lock_guard guard(p.reader_mutex);
  return p.lookup.read(sequences);
}

std::optional<Gap> JournalStore::lost_at(Sequence base) {
  const std::lock_guard guard(parts_->reader_mutex);
  return parts_->lookup.lost_at(base);
}

Status JournalStore::write_checkpoint(const Checkpoint& checkpoint) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(p.recovered);
  const std::lock_guard guard(p.reader_mutex);
  CommitNumber last_commit;
  std::uint64_t ceiling = 0;
  {
    const std::lock_guard tail(p.tail_mutex);
    CAPSTAN_CHECK(checkpoint.applied <= p.last_sequence);
    last_commit = p.last_commit;
    ceiling = p.id_time_ceiling_ns;
  }
  Status written = p.checkpoints.write(checkpoint, last_commit, ceiling);
#ifdef __GLIBC__
  // The C library keeps what lies between pieces that are in use: after a snapshot, that is much.
  if (p.memory_is_due.exchange(false)) malloc_trim(0);
#endif
  return written;
}

// Of a segment that is here, or of what cold/ has in its place. Where its row is lost, it ends
// before whatever follows.
ColdRange JournalStore::Parts::cold_range(Sequence first) const {
  const auto here = segments.find(first);
  if (here == first) return {first, segments.last_of(first)};
  if (const auto range = cold.find(first); range && range->first == first) return *range;
  Sequence last = segments.firsts().back();
  for (const Sequence& next : segments.firsts()) {
    if (next > first) last = std::min(last, next);
  }
  for (const ColdRange& next : cold.ranges()) {
    if (next.first > first) last = std::min(last, next.first);
  }
  return {first, Sequence{last.value - 1}};
}

Status JournalStore::store_cold(const ColdPart& part) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(p.recovered);
  const std::lock_guard guard(p.reader_mutex);
  const std::vector<Sequence> firsts = p.segments.firsts();
  if (!std::binary_search(firsts.begin(), firsts.end(), part.segment) ||
      firsts.back() == part.segment) {
    return {ErrorCode::kWrongState, p.paths.segment(part.segment) + " is no sealed segment"};
  }
  return p.cold.add(p.cold_range(part.segment), part.begins, part.blocks);
}

Status JournalStore::drop_segment(Sequence first, Keep keep) {
  Parts& p = *parts_;
  CAPSTAN_CHECK(p.recovered);
  const std::lock_guard guard(p.reader_mutex);
  const std::vector<Sequence> firsts = p.segments.firsts();
  if (!firsts.empty() && firsts.back() == first) {
    return {ErrorCode::kWrongState, p.paths.segment(first) + " is the open segment"};
  }
  const bool here = std::binary_search(firsts.begin(), firsts.end(), first);
  if (keep == Keep::kCold) {
    const auto copy = p.cold.find(first);
    if (!here) return {};
    if (!copy || copy->first != first) {
      return {ErrorCode::kDamaged, p.paths.segment(first) + " has no copy in cold/, and stays"};
    }
    return p.segments.destroy(first);
  }
  // Where nothing stands before it, nobody asks what became of it.
  const bool oldest = p.cold.empty() && (firsts.empty() || first <= firsts.front());
  if (!oldest && !firsts.empty() && (here || !is_forgotten(p.cold, first))) {
    if (Status forgotten = p.cold.forget(p.cold_range(first)); !forgotten) return forgotten;
  }
  return p.segments.destroy(first);
}

std::vector<SegmentInfo> JournalStore::segments() const { return parts_->segments.infos(); }

std::uint64_t JournalStore::bytes_on_disk() const {
  std::uint64_t bytes = 0;
  for (const SegmentInfo& info : segments()) bytes += info.bytes;
  bytes += parts_->cold.bytes();
  return bytes;
}

bool JournalStore::ballast_held() const { return parts_->ballast.held(); }

Status JournalStore::release_ballast() { return parts_->ballast.release(); }

Status JournalStore::settle_ballast() {
  return parts_->real_disk ? parts_->ballast.settle() : Status();
}

Result<std::uint64_t> JournalStore::disk_free_bytes() const {
  if (!parts_->real_disk) return {ErrorCode::kNotFound, "this disk does not tell its free space"};
  return parts_->ballast.disk_free_bytes();
}

ReadDone answer_read(JournalStore& store, ReadId id, std::span<const Sequence> sequences) {
  auto blocks = store.read(sequences);
  if (blocks) return {id, std::move(*blocks), std::nullopt, std::nullopt};
  const bool one = sequences.size() == 1 && blocks.error().code != ErrorCode::kIo;
  return {id, {}, blocks.error(), one ? store.lost_at(sequences.front()) : std::nullopt};
}

}  // namespace capstan
