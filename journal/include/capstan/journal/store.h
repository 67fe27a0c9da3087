// The durable memory of the hub: commits, blocks by sequence, the checkpoint of the state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capstan/base/journal_io.h"
#include "capstan/base/result.h"

namespace leveldb {
class Env;
}  // namespace leveldb

namespace capstan {

struct JournalOptions {
  /// `DIR/data`; created when missing, its parent must exist.
  std::string directory;
  /// The files of the journal; null is the real disk. A given Env works without threads: LevelDB's
  /// background work runs inside the calls of the store. It may implement DirectorySync.
  leveldb::Env* env = nullptr;
  /// LevelDB's write buffer of one segment; two of them can be filled at a time.
  std::size_t write_buffer_bytes = std::size_t{16} << 20;
  /// Disk space held back for recovery on a full disk; 0 holds none. Ignored when `env` is given.
  std::uint64_t ballast_bytes = std::uint64_t{8} << 20;
  /// Free space that replacing a damaged segment in a running hub does not touch. A start may.
  std::uint64_t reserve_bytes = 0;
};

struct SegmentInfo {
  Sequence first;
  Sequence last;            ///< `first` - 1 in a segment that holds nothing yet.
  std::uint64_t bytes = 0;  ///< Size on disk; of the open segment, what was written to it.
};

/// What the tail witness says about the end of the WAL. Source: FORMAT.md §6.
enum class WitnessVerdict {
  kNone,       ///< Missing, or not whole: allowed after a power cut.
  kAgrees,     ///< The last block is the one that it names.
  kOlder,      ///< It names an earlier end: allowed after a power cut.
  kTailLost,   ///< It names an end that is not there; the range is among the gaps.
  kDisagrees,  ///< The last block is not the one that was written: among the chain breaks.
};

/// What a start found. Everything lost is named here; nothing is dropped in silence.
/// Source: FORMAT.md §7, §8.
struct RecoverySummary {
  Sequence applied;          ///< The state that the replay began with reflects up to here.
  CommitNumber last_commit;  ///< The next commit has the number after it.
  Sequence last_sequence;    ///< Highest sequence ever used as far as known; the next commit begins
                             ///< after it.
  std::uint64_t id_time_ceiling_ns = 0;  ///< No envelope id given out before is later.
  std::vector<Gap> gaps;  ///< Lost ranges at or after the replay's start; ascending, disjoint.
  std::vector<Sequence>
      chain_breaks;  ///< Bases of sound blocks that were not written after the block before them.
  WitnessVerdict witness = WitnessVerdict::kNone;
  bool state_from_snapshot =
      false;  ///< No row was delivered; the first block begins a full snapshot.
  std::vector<Sequence> segments;     ///< First sequence of every segment; the last one is open.
  std::vector<Gap> cold;              ///< Ranges of which cold/ holds what is left, if anything.
  std::uint64_t replayed_blocks = 0;  ///< Blocks handed to the sink.
  std::vector<std::string>
      quarantined;  ///< Damaged directories set aside by this start; full paths.
};

/// How far back a replay goes.
enum class Replay {
  kNeeded,      ///< To the checkpoint: what a start needs.
  kEverything,  ///< To the oldest block on disk: what a check of the whole journal needs.
};

/// Takes the state and the records during a start. An error of the sink ends recover() with it.
class RecoverySink {
 public:
  virtual ~RecoverySink() = default;
  /// A row of the checkpoint; views are valid during the call. All rows come before any block, and
  /// all of them have been checked before the first one comes.
  virtual Status row(Bytes key, Bytes value) = 0;
  /// A block whose last sequence is above `applied`; with Replay::kEverything, every block.
  /// Ascending; gaps are in the summary.
  virtual Status block(const SharedBlock& block) = 0;
};

/// What stays of a segment that is dropped.
enum class Keep {
  kNothing,
  kCold,  ///< Its thinned copy takes its place.
};

/// Synchronous and without threads of its own: whoever calls waits for the disk.
///
/// Place: the simulator uses it directly, the daemon through JournalThreads.
/// Thread: commit() belongs to one thread; read(), lost_at(), write_checkpoint(), store_cold() and
///         drop_segment() exclude each other and may run beside commit(); segments() and
///         bytes_on_disk() are free.
/// Source: FORMAT.md.
class JournalStore {
 public:
  /// Locks the directory, finishes what a crash interrupted, lists the segments.
  ///
  /// Errors: kLocked: in use; the text names the holder. kIo: the disk refused.
  ///         kUnsupportedVersion: written by a newer version.
  [[nodiscard]] static Result<std::unique_ptr<JournalStore>> open(const JournalOptions& options);

  ~JournalStore();
  JournalStore(const JournalStore&) = delete;
  JournalStore& operator=(const JournalStore&) = delete;

  /// Hands out the checkpointed state and every later block. Exactly once, before any other call.
  ///
  /// After a start from a snapshot or from sequence 1 the checkpoint on disk is empty: the first
  /// write_checkpoint() must hold every row of the state, not only the changed ones.
  /// Errors: kDamaged: neither checkpoint nor snapshot is readable, or no segment is there although
  ///         checkpoint or witness know of some. kUnsupportedVersion: a block has a newer format.
  ///         kIo. The sink's own. After an error the store is of no use.
  [[nodiscard]] Result<RecoverySummary> recover(RecoverySink& sink,
                                                Replay replay = Replay::kNeeded);

  /// Writes all blocks of a commit, or none, and returns when they would survive a power cut.
  ///
  /// Shape:  the number after the last one; 1 or more blocks with consecutive sequences from the
  /// one
  ///         after the last one; `opens_segment` when no segment is open.
  ///         `written`, when given, is called in between: the operating system has the blocks, and
  ///         they survive the end of this process, but not yet a power cut. Not called when it does
  ///         not come to that.
  /// Errors: kIo: whether the commit survives is unknown until the next start. The store is
  /// stopped:
  ///         every later call returns the same error.
  [[nodiscard]] Status commit(const Commit& commit, std::function<void()> written = {});

  /// Checked blocks by a sequence of one of their records, in the order asked for: whole ones, or
  /// of a segment that is cold what was kept of them.
  ///
  /// A sealed segment that does not check is replaced first, as a start does (FORMAT.md §8), when
  /// the disk has room for that; else the error is kIo, and a later call tries again.
  /// Errors: kDamaged: the text names the range that is lost. kNotFound: dropped, or never written.
  ///         kIo. An error is about the first sequence that could not be read.
  [[nodiscard]] Result<std::vector<SharedBlock>> read(std::span<const Sequence> sequences);

  /// All that is lost around `base`, after read() has answered kDamaged for it: a known loss, or in
  /// the open segment, which is not replaced, all between the sound blocks before and after it.
  /// After kNotFound: where it stood, nothing is on disk in all of this range.
  [[nodiscard]] std::optional<Gap> lost_at(Sequence base);

  /// Writes all changes of a checkpoint, or none, and waits until they would survive a power cut.
  ///
  /// Shape:  `applied` is at most the last committed sequence and never goes back.
  /// Errors: kIo: the checkpoint on disk is the old or the new one. What could not be written is
  ///         kept, and written with the next checkpoint. Commits go on.
  [[nodiscard]] Status write_checkpoint(const Checkpoint& checkpoint);

  /// Keeps thinned blocks of a sealed segment beside it, and waits until they would survive a power
  /// cut. Reads go on in the segment itself until drop_segment() with Keep::kCold.
  ///
  /// Shape:  records that are left out are told by RecordReader's own means (FORMAT.md §10).
  /// Errors: kWrongState: no sealed segment begins there. kIo, kDamaged: nothing counts as stored.
  [[nodiscard]] Status store_cold(const ColdPart& part);

  /// Destroys a segment, or what cold/ holds of it. A second call does nothing, and a crash half
  /// way is finished by open().
  ///
  /// Shape:  the caller's decision to drop is durable (FORMAT.md §2), a checkpoint has passed it,
  ///         and a snapshot stands after its end. With Keep::kCold all parts of its copy are
  ///         stored.
  /// Errors: kWrongState: it is the open segment. kDamaged: the copy is lost, the segment stays.
  ///         kIo: it is out of the list, some files remain.
  [[nodiscard]] Status drop_segment(Sequence first, Keep keep = Keep::kNothing);

  /// Ascending.
  [[nodiscard]] std::vector<SegmentInfo> segments() const;

  /// Bytes of all segments, and of cold/.
  [[nodiscard]] std::uint64_t bytes_on_disk() const;

  /// True while the space is held back; false on a full disk, where open() gives it up.
  [[nodiscard]] bool ballast_held() const;

  /// Gives the space that is held back to the file system.
  [[nodiscard]] Status release_ballast();

  /// Gives it up when less than that is free beside it, and takes it again when there is room for
  /// it and as much again. Nothing with a given Env. Thread: one at a time, beside everything else.
  [[nodiscard]] Status settle_ballast();

  /// What the journal's disk has left, ballast aside. Errors: kIo; kNotFound with a given Env.
  [[nodiscard]] Result<std::uint64_t> disk_free_bytes() const;

 private:
  struct Parts;
  explicit JournalStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// A read as the hub hears of it: the blocks, or the error of the first one that could not be read,
/// and with kDamaged or kNotFound of a single one all that is not there around it.
[[nodiscard]] ReadDone answer_read(JournalStore& store, ReadId id,
                                   std::span<const Sequence> sequences);

}  // namespace capstan
