// All segments of a journal: which there are, which holds a sequence, and the few that are open.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "capstan/journal/store.h"
#include "files.h"
#include "segment.h"

namespace capstan {

/// Sealed segments open at a time. Each costs some descriptors and two idle buffers.
inline constexpr std::size_t kSealedSegmentsOpenMax = 8;

/// Thread: safe. A Segment that was handed out stays usable until its last holder lets go.
class SegmentSet {
 public:
  SegmentSet(const DatabaseContext& context, DataPaths paths)
      : context_(context), paths_(std::move(paths)) {}

  /// Lists the directory. `elsewhere`: where ranges begin that are in no segment any more. Called
  /// once, before anything else. Errors: kIo: it cannot be read.
  [[nodiscard]] Status load(const std::vector<Sequence>& elsewhere = {});

  [[nodiscard]] std::vector<SegmentInfo> infos() const;
  [[nodiscard]] std::vector<Sequence> firsts() const;

  /// The segment, opened when it is not. Errors: kNotFound: not in the set. kDamaged. kIo.
  [[nodiscard]] Result<std::shared_ptr<Segment>> get(Sequence first);

  /// First sequence of the segment in whose range `sequence` lies; a dropped one's range is in
  /// none.
  [[nodiscard]] std::optional<Sequence> find(Sequence sequence) const;

  /// Last sequence of a segment of the set.
  [[nodiscard]] Sequence last_of(Sequence first) const;

  /// Creates the segment and makes it the newest. Errors: kIo.
  [[nodiscard]] Result<std::shared_ptr<Segment>> create(Sequence first);

  /// Closes the handle, so that the directory can be moved; the segment stays in the set.
  void close(Sequence first);

  /// Takes the segment out of the set and destroys its files. Errors: kIo: some remain.
  [[nodiscard]] Status destroy(Sequence first);

  /// The newest segment now ends at `last` and has grown by `bytes`.
  void grow(Sequence last, std::uint64_t bytes);

  /// Measures the segment again, after it was replaced.
  void measure(Sequence first);

 private:
  struct Known {
    Sequence last;
    std::uint64_t bytes = 0;
    std::shared_ptr<Segment> handle;
    std::uint64_t used = 0;  ///< Turn of the last get().
  };

  [[nodiscard]] Result<std::unique_ptr<Segment>> open(const std::string& path) const;
  /// The handle to let go of once the lock is free: closing a database may wait for its compaction.
  [[nodiscard]] std::shared_ptr<Segment> take_least_used();

  DatabaseContext context_;
  DataPaths paths_;
  mutable std::mutex mutex_;
  std::map<Sequence, Known> known_;
  std::uint64_t turn_ = 0;
};

}  // namespace capstan
