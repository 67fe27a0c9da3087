#include "config/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
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

}  // namespace

Result<std::unique_ptr<RunLock>> RunLock::acquire(const Layout& layout) {
  std::error_code ignored;
  std::filesystem::create_directories(layout.run(), ignored);
  const std::filesystem::path path = lock_path(layout);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(path, "cannot open");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const std::string holder = read_holder(fd);
    ::close(fd);
    return {ErrorCode::kLocked, "a hub already runs on " + layout.directory.string() +
                                    ": process " + holder + "; stop it first"};
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const Error error = io_error(path, "cannot write");
    ::close(fd);
    return error;
  }
  return std::unique_ptr<RunLock>(new RunLock(fd));
}

RunLock::~RunLock() { ::close(fd_); }

bool hub_is_running(const Layout& layout) {
  const int fd = ::open(lock_path(layout).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
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
  std::string endpoint;
  if (!std::getline(file, endpoint) || endpoint.empty()) {
    return {ErrorCode::kUnavailable,
            "no hub has listened on the folder " + layout.directory.string() +
                " yet; start one with `capstand --dir " + layout.directory.string() + "`"};
  }
  return endpoint;
}

}  // namespace capstan
