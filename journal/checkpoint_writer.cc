#include "checkpoint_writer.h"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "files.h"

namespace capstan {

void merge(Checkpoint& older, const Checkpoint& newer) {
  std::unordered_set<std::string_view> keys(newer.deletes.begin(), newer.deletes.end());
  for (const StateRow& row : newer.puts) keys.insert(row.key);
  std::erase_if(older.puts, [&](const StateRow& row) { return keys.contains(row.key); });
  std::erase_if(older.deletes, [&](const std::string& key) { return keys.contains(key); });
  older.applied = newer.applied;
  older.puts.insert(older.puts.end(), newer.puts.begin(), newer.puts.end());
  older.deletes.insert(older.deletes.end(), newer.deletes.begin(), newer.deletes.end());
}

void CheckpointWriter::begin(std::unique_ptr<StateDb> state) {
  written_ = state->mark().checkpoint;
  state_ = std::move(state);
}

Status CheckpointWriter::write(const Checkpoint& checkpoint, CommitNumber last_commit,
                               std::uint64_t id_time_ceiling_ns) {
  if (unwritten_) merge(*unwritten_, checkpoint);
  const Checkpoint& due = unwritten_ ? *unwritten_ : checkpoint;
  Status written = write_failed_ ? Status() : write_once(due, last_commit, id_time_ceiling_ns);
  if (write_failed_) {
    written = reopen();
    if (written) written = write_once(due, last_commit, id_time_ceiling_ns);
  }
  if (written) {
    unwritten_.reset();
    return {};
  }
  if (!unwritten_) unwritten_ = checkpoint;
  return {ErrorCode::kIo, written.error().context};
}

Status CheckpointWriter::write_once(const Checkpoint& checkpoint, CommitNumber last_commit,
                                    std::uint64_t id_time_ceiling_ns) {
  Status written = state_->write(checkpoint, last_commit, id_time_ceiling_ns);
  write_failed_ = !written;
  if (written) written_ = state_->mark().checkpoint;
  return written;
}

// The rows are those of a change, and mean nothing without what was written before them.
Status CheckpointWriter::reopen() {
  if (Status room = try_disk(context_.env, path_); !room) return room;
  state_.reset();
  auto opened = StateDb::open(context_, path_);
  if (!opened) return opened.error();
  if ((*opened)->mark().checkpoint < written_) {
    return {ErrorCode::kDamaged, path_ + ": a checkpoint that was written is missing"};
  }
  state_ = *std::move(opened);
  return {};
}

}  // namespace capstan
