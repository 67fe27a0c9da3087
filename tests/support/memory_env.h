// A disk in memory that can lose what was not synced, fill up, fail and lie; for tests and
// simulation.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capstan/base/random.h"
#include "capstan/journal/directory_sync.h"
#include "leveldb/env.h"
#include "stall_gate.h"

namespace capstan {

/// Files, directories, renames, locks. Paths are absolute and start below `/`; parents must exist.
///
/// What is durable: the bytes of a file up to its last Sync(), and the names in a directory as of
/// its last sync_directory(). The sync of a file called MANIFEST… syncs its directory first, as
/// LevelDB's own Env does. Thread: safe; deterministic when one thread uses it.
class MemoryEnv final : public leveldb::Env, public DirectorySync {
 public:
  MemoryEnv();
  ~MemoryEnv() override;

  // --- Faults -----------------------------------------------------------------------------------

  /// Power cut: synced bytes and names stay; of the rest, every name is kept or lost by chance, and
  /// every file keeps a random part from its beginning. Whoever has files open closes them first.
  void crash(Random& random);
  /// The next `count` syncs, of files or directories, succeed; all later ones fail. Empty: all
  /// succeed.
  void fail_sync_after(std::optional<std::uint64_t> count);
  /// The next `count` syncs succeed, the one after them fails, and all later ones succeed.
  void fail_one_sync_after(std::uint64_t count);
  /// No directory can be listed.
  void fail_listings(bool fail);
  /// All writes, creations, renames and removals fail.
  void fail_writes(bool fail);
  /// Room for so many bytes in all files together. Empty: no limit.
  void full_after(std::optional<std::uint64_t> bytes);
  /// From now on syncs of files wait until the stall is over; whoever waits is blocked.
  void stall_syncs(bool stall) { stall_.set(stall); }
  /// Returns when a sync waits.
  void wait_for_stalled_sync() { stall_.wait_for_held(); }
  /// Syncs succeed and make nothing durable.
  void lie_about_sync(bool lie);

  // --- Looking and damaging; paths must exist
  // -----------------------------------------------------

  /// Paths of all files, sorted.
  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] std::string content(const std::string& path) const;
  /// Replaces the content, durably and at once.
  void set_content(const std::string& path, std::string content);
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  /// Becomes a disk with the same files, all of them durable; nothing may be open on this one.
  void copy_from(const MemoryEnv& other);
  [[nodiscard]] std::uint64_t bytes_used() const;
  [[nodiscard]] std::uint64_t syncs() const;

  /// Does the work that Schedule() has queued.
  void run_background();

  // --- leveldb::Env
  // -------------------------------------------------------------------------------

  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** file) override;
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** file) override;
  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& path, leveldb::WritableFile** file) override;
  bool FileExists(const std::string& path) override;
  leveldb::Status GetChildren(const std::string& path, std::vector<std::string>* names) override;
  leveldb::Status RemoveFile(const std::string& path) override;
  leveldb::Status CreateDir(const std::string& path) override;
  leveldb::Status RemoveDir(const std::string& path) override;
  leveldb::Status GetFileSize(const std::string& path, std::uint64_t* bytes) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& path, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;
  void Schedule(void (*work)(void*), void* argument) override;
  void StartThread(void (*work)(void*), void* argument) override;
  leveldb::Status GetTestDirectory(std::string* path) override;
  leveldb::Status NewLogger(const std::string& path, leveldb::Logger** logger) override;
  std::uint64_t NowMicros() override;
  void SleepForMicroseconds(int micros) override;

  // --- DirectorySync
  // ------------------------------------------------------------------------------

  [[nodiscard]] std::error_code sync_directory(const std::string& path) override;
  [[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::string& path) override;

 private:
  struct Node;
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  /// A file or a directory; names point to it.
  struct Node {
    bool directory = false;
    std::string bytes;
    std::size_t synced_bytes = 0;
    Names names;
    Names durable_names;
  };
  class Reader;
  class RandomReader;
  class Writer;
  struct Place {
    std::shared_ptr<Node> directory;
    std::string name;
  };

  [[nodiscard]] std::shared_ptr<Node> find(const std::string& path) const;
  [[nodiscard]] std::shared_ptr<Node> find_file(const std::string& path) const;
  [[nodiscard]] std::optional<Place> place_of(const std::string& path) const;
  [[nodiscard]] leveldb::Status remove(const std::string& path, bool directory);
  [[nodiscard]] leveldb::Status append(Node& node, const leveldb::Slice& data);
  [[nodiscard]] leveldb::Status sync_file(Node& node, const std::string& path);
  [[nodiscard]] bool sync_fails();
  [[nodiscard]] bool sync_names(const std::string& path);
  void crash_node(Node& node, Random& random);
  [[nodiscard]] static std::shared_ptr<Node> copy_of(const Node& node);
  static void keep_renamed(Node& node, const Names& before);
  static void keep_one_name(Node& node, Random& random);
  [[nodiscard]] static std::uint64_t bytes_below(const Node& node);

  struct Work {
    void (*run)(void*);
    void* argument;
  };

  StallGate stall_;
  mutable std::mutex mutex_;
  std::shared_ptr<Node> root_;
  std::set<std::string> locks_;
  std::deque<Work> queued_;
  std::optional<std::uint64_t> syncs_left_;
  bool one_sync_fails_ = false;
  bool fail_listings_ = false;
  std::optional<std::uint64_t> capacity_bytes_;
  bool fail_writes_ = false;
  bool lie_about_sync_ = false;
  std::uint64_t syncs_ = 0;
  std::uint64_t now_micros_ = 0;
};

}  // namespace capstan
