#include "config/run_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace capstan {

namespace {

std::filesystem::path lock_path(const Layout& layout) { return layout.run() / "lock"; }

Error io_error(const std::filesystem::path& path, const char* what) {
  return {ErrorCode::kIo, std::string(what) + " " + path.string() + ": " + std::strerror(errno)};
}

std::string read_holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size() - 1, 0);
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "unknown";
}

/// The whole file, for whoever wants to write. Such a lock belongs to the open file, not to the
/// process, and F_OFD_GETLK asks for it without taking it: a look at the folder must not keep a hub
/// from starting.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

Error cannot_lock(const Layout& layout, int fd) {
  if (errno != EAGAIN && errno != EACCES) return io_error(lock_path(layout), "cannot lock");
  return {ErrorCode::kLocked, "a hub already runs on " + layout.directory.string() + ": process " +
                                  read_holder(fd) + "; stop it first"};
}

Status write_holder(int fd, const std::filesystem::path& path) {
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) == 0 &&
      ::pwrite(fd, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size())) {
    return {};
  }
  return io_error(path, "cannot write");
}

/// While a hub starts, nobody shall knock where an earlier one has listened.
Status forget_endpoint(const Layout& layout) {
  std::error_code failure;
  std::filesystem::remove(layout.endpoint(), failure);
  if (!failure) return {};
  return {ErrorCode::kIo, "cannot remove " + layout.endpoint().string() + ": " + failure.message()};
}

}  // namespace

Result<std::unique_ptr<RunLock>> RunLock::acquire(const Layout& layout) {
  std::error_code ignored;
  std::filesystem::create_directories(layout.run(), ignored);
  const std::filesystem::path path = lock_path(layout);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(path, "cannot open");
  auto opened = std::unique_ptr<RunLock>(new RunLock(fd));
  struct flock wanted = whole_file();
  if (::fcntl(fd, F_OFD_SETLK, &wanted) != 0) return cannot_lock(layout, fd);
  if (Status written = write_holder(fd, path); !written) return written.error();
  if (Status forgotten = forget_endpoint(layout); !forgotten) return forgotten.error();
  return opened;
}

RunLock::~RunLock() { ::close(fd_); }

bool hub_is_running(const Layout& layout) {
  const int fd = ::open(lock_path(layout).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock wanted = whole_file();
  const bool held = ::fcntl(fd, F_OFD_GETLK, &wanted) == 0 && wanted.l_type != F_UNLCK;
  ::close(fd);
  return held;
}

Status write_endpoint(const Layout& layout, const std::string& endpoint) {
  const std::filesystem::path path = layout.endpoint();
  const std::filesystem::path temporary = path.string() + ".new";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << endpoint << '\n';
    if (!file.flush()) return io_error(temporary, "cannot write");
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) return {ErrorCode::kIo, "cannot write " + path.string() + ": " + error.message()};
  return {};
}

Result<std::string> read_endpoint(const Layout& layout) {
  std::ifstream file(layout.endpoint());
  if (!file && errno != ENOENT && errno != ENOTDIR) {
    return io_error(layout.endpoint(), "cannot read");
  }
  std::string endpoint;
  if (!std::getline(file, endpoint) || endpoint.empty()) {
    const std::string folder = layout.directory.string();
    return {ErrorCode::kUnavailable,
            hub_is_running(layout)
                ? "the hub of the folder " + folder + " is starting and does not listen yet"
                : "no hub has listened on the folder " + folder +
                      " yet; start one with `capstand --dir " + folder + "`"};
  }
  return endpoint;
}

}  // namespace capstan
