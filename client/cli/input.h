// What the command line reads: files, or what is piped into it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "capstan/base/result.h"

namespace capstan::cli {

/// A file, or standard input. An error is never taken for the end.
///
/// Thread: one reads; any may interrupt().
class Input {
 public:
  /// Shape:  `path` empty is standard input.
  /// Errors: kIo, with what the system says.
  [[nodiscard]] static Result<std::unique_ptr<Input>> open(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The next line without its end; empty at the end of the input, or once interrupted.
  /// Errors: kIo, as of open(), also when it is a folder; what was read before was no part of it.
  [[nodiscard]] Result<std::optional<std::string>> next_line();

  /// Everything that is left. Errors: kIo.
  [[nodiscard]] Result<std::string> read_rest();

  /// next_line() waits no longer.
  void interrupt();
  /// It has not waited: there may be more. For whoever reads.
  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  Input(int fd, int wake_fd, std::string name);
  [[nodiscard]] Status fill();
  [[nodiscard]] bool wait();

  int fd_;
  int wake_fd_;
  std::string name_;
  std::string buffer_;
  std::size_t next_ = 0;     // of buffer_, not handed out yet
  std::size_t scanned_ = 0;  // of buffer_, without the end of a line since next_
  bool ended_ = false;
  bool interrupted_ = false;
};

/// A whole file; standard input when `path` is empty. Errors: kIo.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

}  // namespace capstan::cli
