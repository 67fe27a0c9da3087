#include "env.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace capstan {

namespace {

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_log(std::string_view path) { return base_name(path).ends_with(".log"); }

bool is_manifest(std::string_view path) { return base_name(path).starts_with("MANIFEST"); }

/// A table asks for what its own structures name: beyond the end lies damage, and no failure of the
/// disk, as which LevelDB's own Env reports it.
class BoundedFile final : public leveldb::RandomAccessFile {
 public:
  BoundedFile(leveldb::RandomAccessFile* file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}

  leveldb::Status Read(std::uint64_t offset, std::size_t count, leveldb::Slice* result,
                       char* scratch) const override {
    if (offset > bytes_ || count > bytes_ - offset) {
      return leveldb::Status::Corruption("a table names what lies beyond its end");
    }
    return file_->Read(offset, count, result, scratch);
  }

 private:
  std::unique_ptr<leveldb::RandomAccessFile> file_;
  std::uint64_t bytes_;
};

}  // namespace

/// Tells when a sync begins. LevelDB flushes a log after each record, and the target may flush in
/// its Sync() as well: flushed here, nothing is left in this process when it is announced.
class JournalEnv::LogFile final : public leveldb::WritableFile {
 public:
  LogFile(JournalEnv& env, leveldb::WritableFile* file, std::string directory)
      : env_(env), file_(file), directory_(std::move(directory)) {}

  leveldb::Status Append(const leveldb::Slice& data) override { return file_->Append(data); }
  leveldb::Status Close() override { return file_->Close(); }
  leveldb::Status Flush() override { return file_->Flush(); }
  leveldb::Status Sync() override {
    const leveldb::Status flushed = file_->Flush();
    if (!flushed.ok()) return flushed;
    if (const auto announce = env_.take_announcement(directory_)) announce();
    return file_->Sync();
  }

 private:
  JournalEnv& env_;
  std::unique_ptr<leveldb::WritableFile> file_;
  std::string directory_;
};

std::string parent_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool PosixDirectorySync::sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

JournalEnv::JournalEnv(leveldb::Env& target, Background background)
    : EnvWrapper(&target), names_(dynamic_cast<DirectorySync*>(&target)), background_(background) {}

JournalEnv::JournalEnv(DirectorySync& names)
    : EnvWrapper(leveldb::Env::Default()), names_(&names), background_(Background::kThread) {}

leveldb::Status JournalEnv::sync_directory(const std::string& path) {
  if (names_ == nullptr || names_->sync_directory(path)) return leveldb::Status::OK();
  return leveldb::Status::IOError(path, "directory sync failed");
}

leveldb::Status JournalEnv::NewRandomAccessFile(const std::string& path,
                                                leveldb::RandomAccessFile** file) {
  std::uint64_t bytes = 0;
  const leveldb::Status measured = target()->GetFileSize(path, &bytes);
  if (!measured.ok()) return measured;
  const leveldb::Status opened = target()->NewRandomAccessFile(path, file);
  if (opened.ok()) *file = new BoundedFile(*file, bytes);
  return opened;
}

// LevelDB syncs the bytes of a log but never its name: a power cut could leave synced records in a
// file that nothing points to. Tables need no help, the sync of the manifest covers their names.
leveldb::Status JournalEnv::NewWritableFile(const std::string& path, leveldb::WritableFile** file) {
  const leveldb::Status made = target()->NewWritableFile(path, file);
  if (!made.ok() || !is_log(path)) return made;
  const std::string directory = parent_directory(path);
  const leveldb::Status synced = sync_directory(directory);
  if (synced.ok()) {
    *file = new LogFile(*this, *file, directory);
    return synced;
  }
  delete *file;
  *file = nullptr;
  return synced;
}

void JournalEnv::announce_sync(const std::string& directory, std::function<void()> announce) {
  const std::lock_guard lock(mutex_);
  announced_directory_ = directory;
  announcement_ = std::move(announce);
}

std::function<void()> JournalEnv::take_announcement(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (announced_directory_ != directory) return {};
  return std::exchange(announcement_, {});
}

leveldb::Status JournalEnv::RenameFile(const std::string& from, const std::string& to) {
  const leveldb::Status renamed = target()->RenameFile(from, to);
  if (!renamed.ok() || base_name(to) != "CURRENT") return renamed;
  const std::string directory = parent_directory(to);
  const leveldb::Status synced = sync_directory(directory);
  const std::lock_guard lock(mutex_);
  if (synced.ok()) {
    doubtful_.erase(directory);
  } else {
    doubtful_.insert(directory);
  }
  return synced;
}

// After a failed RenameFile() LevelDB takes its new manifest back. When only the sync has failed,
// CURRENT names that manifest already: without it the database would be damaged for good.
leveldb::Status JournalEnv::RemoveFile(const std::string& path) {
  if (is_manifest(path)) {
    const std::lock_guard lock(mutex_);
    if (doubtful_.count(parent_directory(path)) != 0) {
      return leveldb::Status::IOError(path, "CURRENT may name it");
    }
  }
  return target()->RemoveFile(path);
}

leveldb::Status JournalEnv::CreateDir(const std::string& path) {
  const leveldb::Status made = target()->CreateDir(path);
  if (!made.ok()) return made;
  return sync_directory(parent_directory(path));
}

void JournalEnv::Schedule(void (*work)(void*), void* argument) {
  if (background_ == Background::kThread) return target()->Schedule(work, argument);
  const std::lock_guard lock(mutex_);
  queued_.push_back({work, argument});
}

void JournalEnv::run_background() {
  const auto next = [this]() -> std::optional<Work> {
    const std::lock_guard lock(mutex_);
    if (queued_.empty()) return std::nullopt;
    const Work work = queued_.front();
    queued_.pop_front();
    return work;
  };
  while (const auto work = next()) work->run(work->argument);
}

}  // namespace capstan
