#include "lock.h"

#include <unistd.h>

#include <string>

namespace capstan {

namespace {

Error locked(JournalEnv& env, const DataPaths& paths, const leveldb::Status& why) {
  std::string holder;
  if (!leveldb::ReadFileToString(&env, paths.holder(), &holder).ok() || holder.empty()) {
    holder = "another process";
  }
  return {ErrorCode::kLocked, paths.root + " is in use by " + holder + " (" + why.ToString() + ")"};
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::acquire(JournalEnv& env,
                                                              const DataPaths& paths,
                                                              bool names_holder) {
  leveldb::FileLock* lock = nullptr;
  const leveldb::Status status = env.LockFile(paths.lock(), &lock);
  if (!status.ok()) return locked(env, paths, status);
  if (names_holder) {
    const std::string holder = "process " + std::to_string(::getpid());
    // Only a help for people: without it the lock still holds.
    static_cast<void>(leveldb::WriteStringToFile(&env, holder, paths.holder()).ok());
  }
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(env, lock));
}

DirectoryLock::~DirectoryLock() { static_cast<void>(env_.UnlockFile(lock_).ok()); }

}  // namespace capstan
