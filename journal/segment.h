// One segment: a LevelDB of its own with blocks (and gap rows) by base sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "block_codec.h"
#include "capstan/base/block.h"
#include "capstan/base/result.h"
#include "env.h"
#include "leveldb/cache.h"
#include "leveldb/db.h"
#include "leveldb/iterator.h"
#include "leveldb/write_batch.h"

namespace capstan {

/// What all databases of one journal share.
struct DatabaseContext {
  JournalEnv& env;
  leveldb::Cache& cache;
  leveldb::Logger& log;
  std::size_t write_buffer_bytes;
  bool paranoid = true;  ///< Whether damage refuses to open; off only on a repaired copy.
  std::uint64_t reserve_bytes = 0;  ///< A replacement in a running hub leaves so much free.

  /// Uncompressed, never creating.
  [[nodiscard]] leveldb::Options options() const;
};

/// Discards what LevelDB says about itself: no file of ours may hold a clock or a thread id.
class SilentLogger final : public leveldb::Logger {
 public:
  void Logv(const char*, std::va_list) override {}
};

/// A value of a segment, checked.
using SegmentEntry = std::variant<StoredBlock, Gap>;

/// Walks the entries of a segment. Outlived by the segment.
/// Thread: one at a time.
class SegmentReader {
 public:
  explicit SegmentReader(std::unique_ptr<leveldb::Iterator> entries)
      : entries_(std::move(entries)) {}

  /// To the first entry at or after `base`.
  void seek(Sequence base);
  void seek(const std::string& key) { entries_->Seek(key); }
  /// To the last entry that begins at or before `sequence`; invalid when there is none.
  void seek_at_or_before(Sequence sequence);
  void seek_last() { entries_->SeekToLast(); }
  void next() { entries_->Next(); }

  [[nodiscard]] bool valid() const { return entries_->Valid(); }
  [[nodiscard]] Sequence key() const;
  /// The entry with its checksums proved; the views in it end with the next move.
  ///
  /// Errors: kDamaged: also when the entry does not belong under its key. kUnsupportedVersion.
  [[nodiscard]] Result<SegmentEntry> entry() const;
  /// The value as it is.
  [[nodiscard]] Bytes value() const;
  /// What LevelDB could not read on the way here. Errors: kDamaged, kIo.
  [[nodiscard]] Status status() const;

 private:
  std::unique_ptr<leveldb::Iterator> entries_;
};

/// Thread: as LevelDB: one writer, any readers.
class Segment {
 public:
  /// Its name is durable, too. Errors: kIo.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> create(const DatabaseContext& context,
                                                               const std::string& path);
  /// Errors: kDamaged: LevelDB's own checks failed. kIo: also when there is no such directory.
  [[nodiscard]] static Result<std::unique_ptr<Segment>> open(const DatabaseContext& context,
                                                             const std::string& path);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  /// All of `batch` or nothing; returns when it would survive a power cut. `handed_over` is called
  /// as soon as it would survive the end of this process.
  [[nodiscard]] Status append(leveldb::WriteBatch& batch, std::function<void()> handed_over = {});
  /// Notes a loss. No entry may begin at `gap.first`.
  [[nodiscard]] Status put_gap(Gap gap);

  [[nodiscard]] SegmentReader reader() const;

 private:
  Segment(JournalEnv& env, std::unique_ptr<leveldb::DB> database, std::string path);

  JournalEnv& env_;
  std::unique_ptr<leveldb::DB> database_;
  std::string path_;
};

/// Last sequence that an entry covers.
[[nodiscard]] Sequence last_of(const SegmentEntry& entry);

}  // namespace capstan
