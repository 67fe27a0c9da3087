#include "capstan/journal/offline_copy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "files.h"

namespace capstan {

namespace {

namespace fs = std::filesystem;

Error io_error(const std::string& what, int reason) {
  return {ErrorCode::kIo, what + ": " + std::strerror(reason)};
}

/// A shared lock on the file that a hub locks for itself alone. Reading is enough for it, so that a
/// read-only folder can be checked, too.
class SharedLock {
 public:
  explicit SharedLock(int fd) : fd_(fd) {}
  ~SharedLock() { ::close(fd_); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

  static Result<std::unique_ptr<SharedLock>> acquire(const DataPaths& paths) {
    const int fd = ::open(paths.lock().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return {ErrorCode::kNotFound, "no journal in " + paths.root};
    if (fd < 0) return io_error(paths.lock(), errno);
    auto lock = std::make_unique<SharedLock>(fd);
    struct flock whole {};
    whole.l_type = F_RDLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(fd, F_SETLK, &whole) == 0) return lock;
    if (errno != EACCES && errno != EAGAIN) return io_error(paths.lock(), errno);
    whole.l_type = F_RDLCK;
    const bool known = ::fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    return {ErrorCode::kLocked, paths.root + " is in use by " +
                                    (known ? "process " + std::to_string(whole.l_pid)
                                           : std::string("another process")) +
                                    "; stop the hub first"};
  }

 private:
  int fd_;
};

/// What a start does not read: locks, space held back, and damaged originals set aside.
bool is_left_out(const std::string& name) {
  return name == "LOCK" || name == "holder" || name == "ballast" ||
         name.find(kQuarantinedSuffix) != std::string::npos;
}

struct Extent {
  std::uint64_t total = 0;
  std::uint64_t largest_directory = 0;
};

/// Files and directories below `root` that are copied, parents first.
Result<std::vector<fs::path>> list_tree(const fs::path& root, Extent& extent) {
  std::vector<fs::path> found;
  std::vector<fs::path> directories{root};
  std::error_code error;
  while (!directories.empty()) {
    const fs::path directory = std::exchange(directories.back(), {});
    directories.pop_back();
    std::uint64_t bytes = 0;
    for (auto at = fs::directory_iterator(directory, error); !error && at != fs::end(at);
         at.increment(error)) {
      if (is_left_out(at->path().filename().string())) continue;
      found.push_back(at->path());
      if (at->is_directory(error)) {
        directories.push_back(at->path());
      } else {
        bytes += at->file_size(error);
      }
    }
    if (error) return {ErrorCode::kIo, directory.string() + ": " + error.message()};
    extent.total += bytes;
    extent.largest_directory = std::max(extent.largest_directory, bytes);
  }
  return found;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string((bytes >> 20) + 1) + " MiB"; }

Status check_room(const Extent& extent, const std::string& scratch) {
  std::error_code error;
  const fs::space_info space = fs::space(scratch, error);
  if (error) return {ErrorCode::kIo, scratch + ": " + error.message()};
  const std::uint64_t needed = extent.total + 2 * extent.largest_directory;
  if (space.available >= needed) return {};
  return {ErrorCode::kUnavailable, "the copy needs " + mebibytes(needed) + " in " + scratch +
                                       ", where " + mebibytes(space.available) +
                                       " are free; name a larger folder with --scratch"};
}

Status copy_tree(const std::vector<fs::path>& paths, const fs::path& from, const fs::path& to) {
  std::error_code error;
  for (const fs::path& path : paths) {
    const fs::path target = to / path.lexically_relative(from);
    if (fs::is_directory(path, error)) {
      fs::create_directory(target, error);
    } else {
      fs::copy_file(path, target, error);
      // What was readable only may be written in the copy.
      if (!error) fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write, error);
    }
    if (error) return {ErrorCode::kIo, path.string() + ": " + error.message()};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<OfflineCopy>> OfflineCopy::make(const std::string& data,
                                                       const std::string& scratch) {
  const DataPaths paths{data};
  auto lock = SharedLock::acquire(paths);
  if (!lock) return lock.error();
  Extent extent;
  const auto found = list_tree(data, extent);
  if (!found) return found.error();
  if (Status room = check_room(extent, scratch); !room) return room.error();
  std::string folder = scratch + "/capstan-journal-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return io_error(folder, errno);
  std::unique_ptr<OfflineCopy> copy(new OfflineCopy(folder));
  if (Status copied = copy_tree(*found, data, folder); !copied) return copied.error();
  return copy;
}

OfflineCopy::~OfflineCopy() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace capstan
