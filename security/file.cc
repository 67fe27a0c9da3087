#include "capstan/security/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace capstan {
namespace {

namespace fs = std::filesystem;

/// A descriptor that is closed when its owner goes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool open() const { return number_ >= 0; }

 private:
  int number_;
};

ErrorCode code_of(int number) {
  if (number == ENOENT) return ErrorCode::kNotFound;
  if (number == EEXIST) return ErrorCode::kAlreadyExists;
  return ErrorCode::kIo;
}

/// What the system call that just failed said about `path`.
Error last_error(const fs::path& path) {
  const int number = errno;
  return {code_of(number), path.string() + ": " + std::generic_category().message(number)};
}

fs::path folder_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

bool write_whole(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Text and mode are on disk afterwards; the name may not be.
Status fill(const Descriptor& file, const fs::path& path, std::string_view text, mode_t mode) {
  const bool durable = ::fchmod(file.number(), mode) == 0 && write_whole(file.number(), text) &&
                       ::fsync(file.number()) == 0;
  if (!durable) return last_error(path);
  return {};
}

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 07777U);
  return text;
}

}  // namespace

Status check_file_access(const fs::path& path, FileUse use, mode_t mode, uid_t owner,
                         uid_t reader) {
  if (use == FileUse::kPublic) return {};
  if (owner != reader && owner != 0) {
    return {ErrorCode::kInsecureFile, path.string() + " belongs to user " + std::to_string(owner) +
                                          ", who can change it: chown " + std::to_string(reader) +
                                          " '" + path.string() + "'"};
  }
  const mode_t forbidden = use == FileUse::kSecret ? 0077U : 0022U;
  if ((mode & forbidden) == 0) return {};
  const char* const who =
      use == FileUse::kSecret ? " is open to others" : " can be written by others";
  const char* const repair = use == FileUse::kSecret ? "go=" : "go-w";
  return {ErrorCode::kInsecureFile, path.string() + who + " (mode " + octal(mode) + "): chmod " +
                                        repair + " '" + path.string() + "'"};
}

Result<SecretText> read_small_file(const fs::path& path, FileUse use) {
  // A FIFO in the file's place must not hang the reader, hence O_NONBLOCK.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return last_error(path);
  struct stat facts {};
  if (::fstat(file.number(), &facts) != 0) return last_error(path);
  if (!S_ISREG(facts.st_mode)) return {ErrorCode::kIo, path.string() + " is not a file"};
  if (Status access = check_file_access(path, use, facts.st_mode, facts.st_uid, ::geteuid());
      !access) {
    return access.error();
  }

  SecretText text(static_cast<std::size_t>(std::min<off_t>(facts.st_size, kSmallFileBytesMax)) + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.number(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return last_error(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  // The extra octet was filled: the file is too large, or grew while it was read.
  if (size == text.size()) {
    return {ErrorCode::kTooLarge, path.string() + " is too large or growing"};
  }
  text.shorten(size);
  return text;
}

Status create_file(const fs::path& path, std::string_view text, mode_t mode) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.open()) return last_error(path);
  if (Status filled = fill(file, path, text, mode); !filled) {
    ::unlink(path.c_str());
    return filled;
  }
  return sync_directory(folder_of(path));
}

Status replace_file(const fs::path& path, std::string_view text, mode_t mode) {
  std::string temporary = (folder_of(path) / ".").string();
  temporary.append(path.filename().string()).append(".XXXXXX");
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.open()) return last_error(temporary);
  Status filled = fill(file, temporary, text, mode);
  if (filled.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) filled = last_error(path);
  if (!filled) {
    ::unlink(temporary.c_str());
    return {ErrorCode::kIo, filled.error().context};
  }
  return sync_directory(folder_of(path));
}

Status make_directory(const fs::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), 0700) != 0) return last_error(path);
  if (::chmod(path.c_str(), mode) != 0) return last_error(path);
  return sync_directory(folder_of(path));
}

Status sync_directory(const fs::path& directory) {
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || ::fsync(folder.number()) != 0) return last_error(directory);
  return {};
}

Status remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0) return last_error(path);
  return sync_directory(folder_of(path));
}

Status rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return last_error(from);
  return sync_directory(folder_of(to));
}

}  // namespace capstan
