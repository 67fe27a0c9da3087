// Child processes: this program in another role, or the hub under test. Bounded in time, always
// reaped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// A process whose standard output we read line by line. Its errors go to our standard error.
///
/// The kernel kills the child when we die, whatever the way; the destructor kills and reaps it.
class Child {
 public:
  /// Shape: `command` is a program's path and its arguments. With a `log_path`, standard output and
  ///        error both go to that file, and there is nothing to read.
  /// Errors: kIo.
  static Result<std::unique_ptr<Child>> start(std::vector<std::string> command,
                                              const std::string& log_path = "");

  /// This program as `role`; its spec is an argument.
  static Result<std::unique_ptr<Child>> start_role(const std::string& role, const RunSpec& spec);

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// The next line, without its end. With `needed`, fails as soon as that child ends: then this one
  /// waits in vain.
  ///
  /// Errors: kTimeout; kClosed when the child has closed its output, `needed` has ended or we were
  ///         interrupted.
  Result<std::string> read_line(double timeout_seconds, const Child* needed = nullptr);

  /// The next line as JSON. Errors: as read_line(); kMalformedFrame.
  Result<nlohmann::json> read_json(double timeout_seconds, const Child* needed = nullptr);

  /// Waits for the child's end and returns its user and system time in seconds. Errors: kTimeout;
  /// kIo when it did not exit with 0.
  Result<double> finish(double timeout_seconds);

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Asks the child to end (SIGTERM).
  void terminate();

 private:
  Child(std::string name, pid_t pid, int output);
  Status wait_readable(int descriptor, std::uint64_t deadline_ns, const Child* needed) const;
  [[nodiscard]] std::string how_it_ended();

  std::string name_;
  pid_t pid_;
  int pid_fd_;
  int output_;
  std::string buffered_;
};

/// Prints one JSON line for the parent process.
void tell_parent(const nlohmann::json& json);

/// From now on SIGINT and SIGTERM make waiting for a child fail, so that all is cleaned up.
void end_gently_when_interrupted();

/// The folder of this program.
[[nodiscard]] std::string program_folder();

}  // namespace capstan::bench
