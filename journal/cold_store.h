// What is left of segments that were dropped while something in them was still needed: thinned
// copies of their blocks, and which ranges of sequences they stand for.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cold_row.h"
#include "files.h"
#include "segment.h"

namespace capstan {

/// A range of which some blocks may be kept.
struct ColdRange {
  Sequence first;
  Sequence last;
};

/// One database for all ranges, made when the first one is needed.
/// Thread: the reader's calls, which exclude each other; bytes() is free.
/// Source: FORMAT.md §10.
class ColdStore {
 public:
  ColdStore(const DatabaseContext& context, DataPaths paths);

  /// Opens what is there; damaged, it is replaced by what of it proves itself. The first time is
  /// that of a start, which may use up the disk for it.
  /// Errors: kIo; kUnsupportedVersion.
  [[nodiscard]] Status open();

  /// Whether there is any range at all.
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  /// Ascending.
  [[nodiscard]] std::vector<ColdRange> ranges() const;
  /// The one that `sequence` lies in.
  [[nodiscard]] std::optional<ColdRange> find(Sequence sequence) const;

  /// Keeps thinned blocks of the range, and waits until they would survive a power cut. `begins`:
  /// what an earlier attempt has left there goes.
  [[nodiscard]] Status add(ColdRange range, bool begins, std::span<const SharedBlock> blocks);

  /// Nothing in the range is needed: from now on it says "dropped", not "lost".
  [[nodiscard]] Status forget(ColdRange range);

  /// The thinned block around `sequence`.
  /// Errors: kDamaged: it is lost. kNotFound: nothing is kept of it. kIo.
  [[nodiscard]] Result<SharedBlock> read(Sequence sequence);

  /// What is not there, beginning with `sequence`, which read() did not find: its block where the
  /// row names it, else all before the next entry or before `end`, where a segment begins.
  [[nodiscard]] Gap lost_at(Sequence sequence, Sequence end) const;

  /// Hands out every block kept of the range, and every one that is lost, in order.
  [[nodiscard]] Status walk(ColdRange range, const std::function<Status(const SharedBlock&)>& block,
                            const std::function<void(Gap)>& lost);

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Damaged originals that were set aside; full paths.
  [[nodiscard]] const std::vector<std::string>& quarantined() const { return quarantined_; }

 private:
  struct Known {
    Sequence last;
    bool holds_blocks = false;
  };

  [[nodiscard]] Status make_ready();
  [[nodiscard]] Status open_existing();
  [[nodiscard]] Status create();
  [[nodiscard]] Status load();
  [[nodiscard]] Status salvage();
  [[nodiscard]] Status write(leveldb::WriteBatch& batch);
  /// Whatever damage a change meets, in the tables or in LevelDB's joining of them, is repaired,
  /// and the change is made again.
  [[nodiscard]] Status change(const std::function<Status()>& once);
  [[nodiscard]] Status add_once(ColdRange range, bool begins, std::span<const SharedBlock> blocks);
  [[nodiscard]] Status forget_once(ColdRange range);
  [[nodiscard]] Result<ColdRow> row_at(Sequence first) const;
  [[nodiscard]] Result<SharedBlock> read_once(Sequence sequence) const;
  /// The kept block that ought to hold `sequence`. Errors: kDamaged: the row cannot be read.
  [[nodiscard]] Result<std::optional<Gap>> listed(Sequence sequence) const;
  [[nodiscard]] Status delete_blocks(ColdRange range, leveldb::WriteBatch& batch) const;
  void measure();

  DatabaseContext context_;
  DataPaths paths_;
  std::unique_ptr<Segment> database_;
  bool write_failed_ = false;
  bool running_ = false;  ///< The start is over.
  std::map<Sequence, Known> ranges_;
  std::vector<std::string> quarantined_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace capstan
