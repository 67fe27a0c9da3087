#include "capstan/client/effect_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace capstan {

namespace {

constexpr std::size_t kIdChars = 32;

void append_escaped(std::string& to, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      to += "\\n";
    } else if (c == '\r') {
      to += "\\r";
    } else if (c == '\\') {
      to += "\\\\";
    } else {
      to += c;
    }
  }
}

/// Bytes read, 0 at the end, negative after an error.
ssize_t read_some(int file, std::array<char, 65536>& into) {
  while (true) {
    const ssize_t length = ::read(file, into.data(), into.size());
    if (length >= 0 || errno != EINTR) return length;
  }
}

}  // namespace

Result<std::unique_ptr<EffectFile>> EffectFile::open(const std::string& path) {
  std::unique_ptr<EffectFile> file(new EffectFile(path));
  if (Status locked = file->open_and_lock(); !locked) return locked.error();
  if (Status read = file->read_back(); !read) return read.error();
  return file;
}

EffectFile::~EffectFile() {
  if (file_ >= 0) ::close(file_);
}

Status EffectFile::open_and_lock() {
  file_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file_ < 0) return last_error("open");
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return last_error("lock");
  return {ErrorCode::kLocked, path_ + " is open in another process"};
}

Status EffectFile::read_back() {
  std::array<char, 65536> chunk{};
  std::string begin_of_line;  // No more of it than an id and its blank.
  std::uint64_t read_bytes = 0;
  while (true) {
    const ssize_t length = read_some(file_, chunk);
    if (length < 0) return last_error("read");
    if (length == 0) break;
    std::string_view rest(chunk.data(), static_cast<std::size_t>(length));
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view part = rest.substr(0, end);
      begin_of_line += part.substr(0, kIdChars + 1 - begin_of_line.size());
      read_bytes += part.size();
      if (end == std::string_view::npos) break;
      bytes_ = ++read_bytes;
      if (Status kept = keep_id(begin_of_line); !kept) return kept;
      begin_of_line.clear();
      rest.remove_prefix(end + 1);
    }
  }
  std::sort(ids_.begin(), ids_.end());
  if (read_bytes > bytes_ && ::ftruncate(file_, static_cast<off_t>(bytes_)) != 0) {
    return last_error("truncate");
  }
  return {};
}

Status EffectFile::keep_id(std::string_view line) {
  const auto id = EnvelopeId::from_text(line.substr(0, kIdChars));
  if (!id || line.size() != kIdChars + 1 || line.back() != ' ') {
    return {ErrorCode::kDamaged,
            path_ + ":" + std::to_string(ids_.size() + 1) + ": the line does not begin with an id"};
  }
  ids_.push_back(*id);
  return {};
}

Result<bool> EffectFile::add(const EnvelopeId& id, std::string_view effect) {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (at != ids_.end() && *at == id) return false;
  line_ = id.hex();
  line_ += ' ';
  append_escaped(line_, effect);
  line_ += '\n';
  ssize_t written = -1;
  do {
    written = ::write(file_, line_.data(), line_.size());
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(line_.size())) {
    Error error = last_error("write");
    // A part of a line would swallow the next one.
    if (written > 0 && ::ftruncate(file_, static_cast<off_t>(bytes_)) != 0)
      return last_error("cut");
    return error;
  }
  bytes_ += line_.size();
  ids_.insert(at, id);
  return true;
}

Status EffectFile::sync() {
  if (::fdatasync(file_) != 0) return last_error("sync");
  return {};
}

bool EffectFile::contains(const EnvelopeId& id) const {
  return std::binary_search(ids_.begin(), ids_.end(), id);
}

Error EffectFile::last_error(const char* what) const {
  return {ErrorCode::kIo, std::string("cannot ") + what + " " + path_ + ": " +
                              std::generic_category().message(errno)};
}

}  // namespace capstan
