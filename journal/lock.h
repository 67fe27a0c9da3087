// One process per data directory.
#pragma once

#include <memory>

#include "capstan/base/result.h"
#include "env.h"
#include "files.h"

namespace capstan {

/// Holds the lock of a data directory while it lives; the operating system frees it with the
/// process.
class DirectoryLock {
 public:
  /// `names_holder`: writes this process's id beside the lock for whoever is refused.
  ///
  /// Errors: kLocked: the text names the holder as far as it is known.
  [[nodiscard]] static Result<std::unique_ptr<DirectoryLock>> acquire(JournalEnv& env,
                                                                      const DataPaths& paths,
                                                                      bool names_holder);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  DirectoryLock(JournalEnv& env, leveldb::FileLock* lock) : env_(env), lock_(lock) {}

  JournalEnv& env_;
  leveldb::FileLock* lock_;
};

}  // namespace capstan
