// What application threads leave for the I/O thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "capstan/client/engine.h"
#include "capstan/client/link.h"

namespace capstan {

class AgentState;

/// Thread-safe. Wakes the I/O thread once per turn, however much is left.
class WorkQueue {
 public:
  using Command = std::function<void(ClientEngine&)>;
  struct Work {
    std::vector<Command> commands;
    std::vector<std::shared_ptr<AgentState>> agents;
    std::vector<std::shared_ptr<AgentState>> closed;
  };

  /// `link` outlives the queue's use: until close().
  explicit WorkQueue(Link* link) : link_(link) {}

  /// False: closed, the command is dropped.
  bool post(Command command) {
    const std::lock_guard lock(mutex_);
    if (link_ == nullptr) return false;
    work_.commands.push_back(std::move(command));
    wake();
    return true;
  }

  /// `agent` has envelopes or acknowledgements; once until its work has been taken.
  void post(std::shared_ptr<AgentState> agent) {
    const std::lock_guard lock(mutex_);
    if (link_ == nullptr) return;
    work_.agents.push_back(std::move(agent));
    wake();
  }

  /// `agent` was closed by its application.
  void post_closed(std::shared_ptr<AgentState> agent) {
    const std::lock_guard lock(mutex_);
    if (link_ == nullptr) return;
    work_.closed.push_back(std::move(agent));
    wake();
  }

  [[nodiscard]] Work take() {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    return std::exchange(work_, {});
  }

  void close() {
    const std::lock_guard lock(mutex_);
    link_ = nullptr;
    work_ = {};
  }

 private:
  void wake() {
    if (woken_) return;
    woken_ = true;
    link_->wake();
  }

  std::mutex mutex_;
  Link* link_;
  bool woken_ = false;
  Work work_;
};

}  // namespace capstan
