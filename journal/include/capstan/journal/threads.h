// The journal for a caller that must not wait: a thread that commits and a thread that reads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "capstan/journal/store.h"

namespace capstan {

using JournalResult = std::variant<Written, Committed, CommitUnknown, ReadDone, CheckpointDone,
                                   ColdPartStored, SegmentDropped>;

/// The caller's windows stay below these; queueing more is a programmer error. Drops do not count.
inline constexpr std::size_t kQueuedCommitsMax = 64;
inline constexpr std::size_t kQueuedReaderJobsMax = 4096;

/// Owns the journal thread (commits, in order, one sync each) and the reader thread (reads,
/// checkpoints, cold copies, in order; drops, in their own order, one by one whenever all else that
/// waited is done). Every request has exactly one result, before which a
/// commit that asks for it is told as Written; results of the two threads may overtake each other.
///
/// Thread: all calls from one thread, the core's.
class JournalThreads {
 public:
  /// `store` has recovered, outlives this, and is used by nobody else meanwhile.
  explicit JournalThreads(JournalStore& store);
  /// Waits until everything that is queued is done.
  ~JournalThreads();
  JournalThreads(const JournalThreads&) = delete;
  JournalThreads& operator=(const JournalThreads&) = delete;

  void commit(Commit commit);
  void read(ReadId id, std::vector<Sequence> bases);
  void checkpoint(Checkpoint checkpoint);
  void store_cold(ColdPart part);
  void drop_segment(Sequence first, Keep keep = Keep::kNothing);

  /// Appends all waiting results to `results` and says how many; does not wait.
  std::size_t drain(std::vector<JournalResult>& results);

  /// Readable (poll: POLLIN) while results wait; drain() makes it unreadable. Owned by this object.
  [[nodiscard]] int wake_fd() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace capstan
