// The checkpoint of the state: rows, and up to which record they speak. Read only at a start.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "capstan/base/result.h"
#include "capstan/journal/store.h"
#include "leveldb/db.h"
#include "segment.h"

namespace capstan {

/// What a checkpoint knows besides its rows. Source: FORMAT.md §5.
struct StateMark {
  std::uint64_t checkpoint = 0;  ///< 1, 2, 3 …; 0 when there was none yet.
  Sequence applied;
  CommitNumber last_commit;  ///< Durable when the checkpoint was taken.
  std::uint64_t id_time_ceiling_ns = 0;
};

/// Thread: one at a time.
class StateDb {
 public:
  /// Opens or creates, and checks every row.
  ///
  /// Errors: kDamaged: a checksum does not hold, or a whole checkpoint is missing.
  /// kUnsupportedVersion. kIo.
  [[nodiscard]] static Result<std::unique_ptr<StateDb>> open(const DatabaseContext& context,
                                                             const std::string& path);
  ~StateDb();
  StateDb(const StateDb&) = delete;
  StateDb& operator=(const StateDb&) = delete;

  [[nodiscard]] const StateMark& mark() const { return mark_; }

  /// Calls `row` for every row by ascending key; its error ends the walk.
  [[nodiscard]] Status rows(const std::function<Status(Bytes key, Bytes value)>& row) const;

  /// One synced write. Errors: kIo: this object takes no other; one that opens the same state does.
  [[nodiscard]] Status write(const Checkpoint& checkpoint, CommitNumber last_commit,
                             std::uint64_t id_time_ceiling_ns);

 private:
  StateDb(JournalEnv& env, std::unique_ptr<leveldb::DB> database, std::string path);
  [[nodiscard]] Status check();
  [[nodiscard]] Status load_mark();

  JournalEnv& env_;
  std::unique_ptr<leveldb::DB> database_;
  std::string path_;
  StateMark mark_;
};

}  // namespace capstan
