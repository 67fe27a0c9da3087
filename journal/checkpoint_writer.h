// Writes checkpoints in a running hub: one that fails is kept, and written again with the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "capstan/journal/store.h"
#include "segment.h"
#include "state_db.h"

namespace capstan {

/// Adds `newer` to what `older` says; of one key the newer one counts.
void merge(Checkpoint& older, const Checkpoint& newer);

/// Thread: the reader's calls, which exclude each other.
class CheckpointWriter {
 public:
  CheckpointWriter(const DatabaseContext& context, std::string path)
      : context_(context), path_(std::move(path)) {}

  /// The state that a start has found; before anything else.
  void begin(std::unique_ptr<StateDb> state);

  /// All that no earlier call could write is written with it. LevelDB takes no write after one that
  /// failed: the state is opened again, when the disk takes writes again.
  ///
  /// Errors: kIo: the checkpoint on disk is an older one, or this one.
  [[nodiscard]] Status write(const Checkpoint& checkpoint, CommitNumber last_commit,
                             std::uint64_t id_time_ceiling_ns);

 private:
  [[nodiscard]] Status write_once(const Checkpoint& checkpoint, CommitNumber last_commit,
                                  std::uint64_t id_time_ceiling_ns);
  [[nodiscard]] Status reopen();

  const DatabaseContext& context_;
  std::string path_;
  std::unique_ptr<StateDb> state_;
  std::uint64_t written_ = 0;  ///< Number of the newest checkpoint that is known to be on disk.
  bool write_failed_ = false;
  std::optional<Checkpoint> unwritten_;
};

}  // namespace capstan
