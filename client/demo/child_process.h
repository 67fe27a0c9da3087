// A program that runs beside this one, and its end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "capstan/base/result.h"

namespace capstan::demo {

/// Killed and reaped at the latest when this object goes.
class ChildProcess {
 public:
  /// Starts `arguments[0]`; its stdout can be read line by line, its stderr goes to `stderr_path`
  /// (appended) or, when that is empty, to ours.
  /// Errors: kIo.
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
      const std::vector<std::string>& arguments, const std::string& stderr_path = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// One line of its stdout without the line break; empty at the end of its output.
  [[nodiscard]] std::string read_line();

  /// Sends SIGKILL and waits.
  void kill();
  /// Sends SIGTERM and waits; the exit code, or 128 + signal.
  int terminate();
  /// Waits; the exit code, or 128 + signal.
  int wait();

 private:
  ChildProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  pid_t pid_;
  int output_;
  int exit_code_ = 0;
  std::string buffered_;
};

}  // namespace capstan::demo
