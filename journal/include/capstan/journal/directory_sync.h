// How the journal asks for the durability of names, which leveldb::Env knows nothing about.
#pragma once

#include <string>

namespace capstan {

/// Makes the entries of directories durable: files and subdirectories created, renamed or removed.
///
/// An Env handed to JournalOptions may implement this beside leveldb::Env; the journal finds it by
/// dynamic_cast. Without it, the journal takes the names of that Env to be durable at once.
/// Thread: called from any thread of the journal.
class DirectorySync {
 public:
  virtual ~DirectorySync() = default;

  /// False when the entries directly below `path` may not survive a power cut.
  [[nodiscard]] virtual bool sync_directory(const std::string& path) = 0;
};

}  // namespace capstan
