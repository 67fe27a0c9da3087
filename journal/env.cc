#include "env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
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

/// Of the descriptors that this process may have, a fifth is for tables, as LevelDB has it; each
/// further one is opened for every read.
constexpr int kTablesHeldMax = 1000;
constexpr int kTablesHeldShare = 5;

int tables_held_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur / kTablesHeldShare, kTablesHeldMax));
}

leveldb::Status failed(const std::string& path, int reason) {
  const bool missing = reason == ENOENT || reason == ENOTDIR;
  return missing ? leveldb::Status::NotFound(path, std::strerror(reason))
                 : leveldb::Status::IOError(path, std::strerror(reason));
}

bool cannot_be_synced(std::error_code refused) {
  constexpr std::errc kReasons[] = {
      std::errc::permission_denied,       std::errc::operation_not_permitted,
      std::errc::invalid_argument,        std::errc::not_supported,
      std::errc::operation_not_supported, std::errc::read_only_file_system};
  return std::find(std::begin(kReasons), std::end(kReasons), refused) != std::end(kReasons);
}

/// LevelDB's own Env maps tables into memory, where a sector that cannot be read ends the process;
/// read like this it is an error with a text.
leveldb::Status read_at(int fd, const std::string& path, std::uint64_t offset, std::size_t count,
                        char* scratch) {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t taken =
        ::pread(fd, scratch + done, count - done, static_cast<off_t>(offset + done));
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) return failed(path, errno);
    if (taken == 0) return leveldb::Status::Corruption(path, "is shorter than it was");
    done += static_cast<std::size_t>(taken);
  }
  return leveldb::Status::OK();
}

// LevelDB's own Env takes a directory for shorter than it is when a read of it fails half way.
leveldb::Status list_real_directory(const std::string& path, std::vector<std::string>& names) {
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return failed(path, errno);
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  const int reason = errno;
  ::closedir(directory);
  return reason == 0 ? leveldb::Status::OK()
                     : leveldb::Status::IOError(path, std::strerror(reason));
}

/// A table asks for what its own structures name: beyond the end lies damage, and no failure of the
/// disk, as which LevelDB's own Env reports it.
leveldb::Status check_bounds(std::uint64_t offset, std::size_t count, std::uint64_t bytes) {
  if (offset <= bytes && count <= bytes - offset) return leveldb::Status::OK();
  return leveldb::Status::Corruption("a table names what lies beyond its end");
}

/// A table on a given Env.
class BoundedFile final : public leveldb::RandomAccessFile {
 public:
  BoundedFile(leveldb::RandomAccessFile* file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}

  leveldb::Status Read(std::uint64_t offset, std::size_t count, leveldb::Slice* result,
                       char* scratch) const override {
    const leveldb::Status inside = check_bounds(offset, count, bytes_);
    return inside.ok() ? file_->Read(offset, count, result, scratch) : inside;
  }

 private:
  std::unique_ptr<leveldb::RandomAccessFile> file_;
  std::uint64_t bytes_;
};

}  // namespace

/// A table on the real disk: one pread() a block, into the memory where LevelDB wants it.
class JournalEnv::TableFile final : public leveldb::RandomAccessFile {
 public:
  /// Takes `fd` over.
  TableFile(std::atomic<int>& may_be_held, int fd, std::string path, std::uint64_t bytes)
      : may_be_held_(may_be_held), fd_(fd), path_(std::move(path)), bytes_(bytes) {
    if (may_be_held_.fetch_sub(1) > 0) return;
    may_be_held_.fetch_add(1);
    ::close(std::exchange(fd_, -1));
  }
  ~TableFile() override {
    if (fd_ < 0) return;
    ::close(fd_);
    may_be_held_.fetch_add(1);
  }

  leveldb::Status Read(std::uint64_t offset, std::size_t count, leveldb::Slice* result,
                       char* scratch) const override {
    leveldb::Status read = check_bounds(offset, count, bytes_);
    if (!read.ok()) return read;
    const int fd = fd_ >= 0 ? fd_ : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(path_, errno);
    read = read_at(fd, path_, offset, count, scratch);
    if (fd != fd_) ::close(fd);
    *result = leveldb::Slice(scratch, read.ok() ? count : 0);
    return read;
  }

 private:
  std::atomic<int>& may_be_held_;
  int fd_;
  std::string path_;
  std::uint64_t bytes_;
};

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

std::error_code PosixDirectorySync::sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {errno, std::generic_category()};
  const int reason = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return {reason, std::generic_category()};
}

std::optional<std::uint64_t> PosixDirectorySync::free_bytes(const std::string& path) {
  struct statvfs space {};
  if (::statvfs(path.c_str(), &space) != 0) return std::nullopt;
  return std::uint64_t{space.f_bavail} * std::uint64_t{space.f_frsize};
}

JournalEnv::JournalEnv(leveldb::Env& target, Background background)
    : EnvWrapper(&target), names_(dynamic_cast<DirectorySync*>(&target)), background_(background) {}

JournalEnv::JournalEnv(DirectorySync& names)
    : EnvWrapper(leveldb::Env::Default()),
      names_(&names),
      background_(Background::kThread),
      real_disk_(true),
      tables_held_max_(tables_held_max()) {}

leveldb::Status JournalEnv::sync_directory(const std::string& path) {
  const std::error_code refused =
      names_ == nullptr ? std::error_code() : names_->sync_directory(path);
  if (!refused) return leveldb::Status::OK();
  const std::string text = "directory sync: " + refused.message();
  return cannot_be_synced(refused) ? leveldb::Status::NotSupported(path, text)
                                   : leveldb::Status::IOError(path, text);
}

std::optional<std::uint64_t> JournalEnv::free_bytes(const std::string& path) const {
  return names_ == nullptr ? std::nullopt : names_->free_bytes(path);
}

leveldb::Status JournalEnv::GetChildren(const std::string& path, std::vector<std::string>* names) {
  if (!real_disk_) return target()->GetChildren(path, names);
  names->clear();
  return list_real_directory(path, *names);
}

leveldb::Status JournalEnv::NewRandomAccessFile(const std::string& path,
                                                leveldb::RandomAccessFile** file) {
  std::uint64_t bytes = 0;
  const leveldb::Status measured = target()->GetFileSize(path, &bytes);
  if (!measured.ok()) return measured;
  if (bytes == 0) return leveldb::Status::Corruption(path, "a table without any octet");
  if (real_disk_) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(path, errno);
    *file = new TableFile(tables_held_max_, fd, path, bytes);
    return leveldb::Status::OK();
  }
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
  if (!announce && announced_directory_ != directory) return;
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
// CURRENT names that manifest already: without it the database would be damaged for good. It goes
// only with a database that is removed as a whole, CURRENT first.
leveldb::Status JournalEnv::RemoveFile(const std::string& path) {
  const std::string directory = parent_directory(path);
  if (is_manifest(path)) {
    const std::lock_guard lock(mutex_);
    if (doubtful_.count(directory) != 0) {
      return leveldb::Status::IOError(path, "CURRENT may name it");
    }
  }
  const leveldb::Status removed = target()->RemoveFile(path);
  if (removed.ok() && base_name(path) == "CURRENT") {
    const std::lock_guard lock(mutex_);
    doubtful_.erase(directory);
  }
  return removed;
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
