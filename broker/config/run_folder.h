// DIR/run: whether a hub runs on this folder, and where it listens.
#pragma once

#include <memory>
#include <string>

#include "capstan/base/result.h"
#include "capstan/security/layout.h"

namespace capstan {

/// Held by the running hub; the kernel releases it however the process ends.
class RunLock {
 public:
  /// Takes away the endpoint of an earlier hub: the folder has one when this one listens.
  /// Errors: kLocked: another hub runs on this folder, named by its process id; kIo.
  [[nodiscard]] static Result<std::unique_ptr<RunLock>> acquire(const Layout& layout);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

/// From the beginning of its start on. Takes nothing, so that asking is in nobody's way.
[[nodiscard]] bool hub_is_running(const Layout& layout);

/// One line, replaced whole.
[[nodiscard]] Status write_endpoint(const Layout& layout, const std::string& endpoint);

/// Errors: kUnavailable: no hub listens here yet; kIo: the folder cannot be read.
[[nodiscard]] Result<std::string> read_endpoint(const Layout& layout);

}  // namespace capstan
