// What the journal asks of a disk and leveldb::Env knows nothing about: the durability of names,
// and the room that is left.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace capstan {

/// Makes the entries of directories durable: files and subdirectories created, renamed or removed.
///
/// An Env handed to JournalOptions may implement this beside leveldb::Env; the journal finds it by
/// dynamic_cast. Without it, the journal takes the names of that Env to be durable at once.
/// Thread: called from any thread of the journal.
class DirectorySync {
 public:
  virtual ~DirectorySync() = default;

  /// Errors: why the entries directly below `path` may not survive a power cut; of the generic
  ///         category.
  [[nodiscard]] virtual std::error_code sync_directory(const std::string& path) = 0;

  /// What may still be written to the disk that `path` lies on; empty when nobody knows.
  [[nodiscard]] virtual std::optional<std::uint64_t> free_bytes(const std::string& path) {
    static_cast<void>(path);
    return std::nullopt;
  }
};

}  // namespace capstan
