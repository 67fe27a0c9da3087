#include "input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace capstan::cli {

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

Error system_error(const char* what, const std::string& name) {
  return {ErrorCode::kIo, std::string(what) + " " + name + ": " + std::strerror(errno)};
}

}  // namespace

Input::Input(int fd, int wake_fd, std::string name)
    : fd_(fd), wake_fd_(wake_fd), name_(std::move(name)) {}

Input::~Input() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
  ::close(wake_fd_);
}

Result<std::unique_ptr<Input>> Input::open(const std::string& path) {
  const std::string name = path.empty() ? "standard input" : path;
  const int fd = path.empty() ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open", name);
  const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const Error error = system_error("cannot read", name);
    if (fd != STDIN_FILENO) ::close(fd);
    return error;
  }
  return std::unique_ptr<Input>(new Input(fd, wake_fd, name));
}

Result<std::optional<std::string>> Input::next_line() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(next_, end - next_);
      next_ = scanned_ = end + 1;
      return std::optional(std::move(line));
    }
    scanned_ = buffer_.size();
    if (ended_) break;
    if (!wait()) return std::optional<std::string>();
    if (Status filled = fill(); !filled) return filled.error();
  }
  if (next_ == buffer_.size()) return std::optional<std::string>();
  return std::optional(buffer_.substr(std::exchange(next_, buffer_.size())));
}

Result<std::string> Input::read_rest() {
  while (!ended_) {
    (void)wait();
    if (Status filled = fill(); !filled) return filled.error();
  }
  return buffer_.substr(std::exchange(next_, buffer_.size()));
}

void Input::interrupt() {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

/// False when it was interrupted before there was anything to read.
bool Input::wait() {
  pollfd waiting[] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  interrupted_ = (waiting[1].revents & POLLIN) != 0;
  return !interrupted_;
}

Status Input::fill() {
  buffer_.erase(0, next_);
  scanned_ -= next_;
  next_ = 0;
  const std::size_t begin = buffer_.size();
  buffer_.resize(begin + kReadBytes);
  const ssize_t got = ::read(fd_, buffer_.data() + begin, kReadBytes);
  buffer_.resize(begin + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && errno != EINTR && errno != EAGAIN) return system_error("cannot read", name_);
  ended_ = got == 0;
  return {};
}

Result<std::string> read_file(const std::string& path) {
  const auto input = Input::open(path);
  if (!input) return input.error();
  return (*input)->read_rest();
}

}  // namespace capstan::cli
