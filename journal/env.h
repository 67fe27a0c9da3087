// The leveldb::Env that all files of the journal go through: it adds the directory syncs that
// LevelDB leaves out, decides where background work runs, and tells damage from a failing disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "capstan/base/result.h"
#include "capstan/journal/directory_sync.h"
#include "leveldb/env.h"

namespace capstan {

enum class Background {
  kThread,  ///< The target's thread.
  kInline,  ///< run_background(), so that a run can be repeated exactly.
};

/// Thread: as thread-safe as its target.
class JournalEnv final : public leveldb::EnvWrapper {
 public:
  /// `target` outlives this. Names are made durable by `target` when it is a DirectorySync.
  JournalEnv(leveldb::Env& target, Background background);
  /// The real disk.
  explicit JournalEnv(DirectorySync& names);

  /// A table. One without any octet is damage: no table is empty.
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** file) override;
  /// NotFound: there is no such directory. IOError: it cannot be read, or not to its end.
  leveldb::Status GetChildren(const std::string& path, std::vector<std::string>* names) override;
  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status RemoveFile(const std::string& path) override;
  leveldb::Status CreateDir(const std::string& path) override;
  void Schedule(void (*work)(void*), void* argument) override;

  /// NotSupported: this directory cannot be synced at all: it is not ours to read, or its file
  /// system knows no such thing. IOError: it can, but was not.
  [[nodiscard]] leveldb::Status sync_directory(const std::string& path);

  /// See DirectorySync.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::string& path) const;

  /// Calls `announce` when the next sync of a log in `directory` begins: all that was written to
  /// the log has been handed to the operating system, and outlives this process. Once at most, in
  /// the thread that syncs. An empty `announce` takes back what was wished for this directory.
  void announce_sync(const std::string& directory, std::function<void()> announce);

  /// Does what Schedule() has queued; nothing with Background::kThread. The caller holds no lock of
  /// a database: LevelDB's work takes it.
  void run_background();

 private:
  class LogFile;
  class TableFile;
  struct Work {
    void (*run)(void*);
    void* argument;
  };

  /// What announce_sync() left for this directory, taken.
  [[nodiscard]] std::function<void()> take_announcement(const std::string& directory);

  DirectorySync* names_;
  Background background_;
  bool real_disk_ = false;
  std::atomic<int> tables_held_max_ = 0;  ///< So many more may keep their descriptor.
  std::mutex mutex_;
  std::deque<Work> queued_;
  std::set<std::string> doubtful_;  ///< Databases whose CURRENT was renamed but not synced.
  std::string announced_directory_;
  std::function<void()> announcement_;
};

/// Syncs real directories.
class PosixDirectorySync final : public DirectorySync {
 public:
  [[nodiscard]] std::error_code sync_directory(const std::string& path) override;
  [[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::string& path) override;
};

[[nodiscard]] std::string parent_directory(const std::string& path);

}  // namespace capstan
