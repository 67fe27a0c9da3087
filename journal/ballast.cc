#include "ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace capstan {

namespace {

Error failed(const std::string& path, int reason) {
  return {ErrorCode::kIo, path + ": " + std::strerror(reason)};
}

}  // namespace

Result<std::uint64_t> Ballast::disk_free_bytes() const {
  const std::string directory = path_.substr(0, path_.rfind('/'));
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return failed(directory, errno);
  return std::uint64_t{space.f_bavail} * std::uint64_t{space.f_frsize};
}

Status Ballast::settle() {
  if (bytes_ == 0) return release();
  const auto free = disk_free_bytes();
  if (!free) return free.error();
  struct stat file {};
  const bool exists = ::stat(path_.c_str(), &file) == 0 && file.st_size > 0 &&
                      static_cast<std::uint64_t>(file.st_size) == bytes_;
  if (exists) {
    held_ = true;
    return *free < bytes_ ? release() : Status{};
  }
  return *free / 2 < bytes_ ? release() : create();
}

Status Ballast::create() {
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path_, errno);
  const int refused = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_));
  const int unsynced = refused == 0 && ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  if (refused != 0 || unsynced != 0) {
    static_cast<void>(release().ok());
    return failed(path_, refused != 0 ? refused : unsynced);
  }
  held_ = true;
  return {};
}

Status Ballast::release() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return failed(path_, errno);
  held_ = false;
  return {};
}

}  // namespace capstan
