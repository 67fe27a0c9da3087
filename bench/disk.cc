#include "disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace capstan::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kStatBlockBytes = 512;

std::uint64_t allocated_bytes(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
  return static_cast<std::uint64_t>(facts.st_blocks) * kStatBlockBytes;
}

std::uint64_t walk(const std::string& folder, std::error_code& error) {
  error.clear();
  std::uint64_t bytes = 0;
  fs::recursive_directory_iterator each(folder, error);
  for (; !error && each != fs::recursive_directory_iterator(); each.increment(error))
    bytes += allocated_bytes(each->path());
  return bytes;
}

}  // namespace

Result<std::uint64_t> disk_bytes(const std::string& folder) {
  constexpr int kWalks = 10;
  std::error_code error;
  // A folder that goes while it is walked through ends the walk: then it begins anew.
  for (int i = 0; i < kWalks; ++i) {
    const std::uint64_t bytes = walk(folder, error);
    if (!error) return bytes;
    if (error != std::errc::no_such_file_or_directory) break;
  }
  return {ErrorCode::kIo, "list " + folder + ": " + error.message()};
}

Status check_free_disk(const std::string& folder, std::uint64_t needed_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::space_info space = fs::space(folder, error);
  if (error) return {ErrorCode::kIo, "look at " + folder + ": " + error.message()};
  if (space.available >= needed_bytes) return {};
  return {ErrorCode::kDiskFull, folder + " has " + std::to_string(space.available >> 20) +
                                    " MiB, and this row needs " +
                                    std::to_string(needed_bytes >> 20)};
}

Status drop_page_cache() {
  ::sync();
  constexpr const char* kPath = "/proc/sys/vm/drop_caches";
  const int file = ::open(kPath, O_WRONLY | O_CLOEXEC);
  const bool dropped = file >= 0 && ::write(file, "3\n", 2) == 2;
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (dropped) return {};
  return {ErrorCode::kAccessDenied, std::string(kPath) + ": " + std::strerror(reason)};
}

}  // namespace capstan::bench
