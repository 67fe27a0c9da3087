// Where threads are held until somebody lets them go on.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace capstan {

/// Thread: safe.
class StallGate {
 public:
  void set(bool stalled) {
    const std::lock_guard lock(mutex_);
    stalled_ = stalled;
    changed_.notify_all();
  }

  /// Returns at once, or when the stall is over.
  void pass() {
    std::unique_lock lock(mutex_);
    if (!stalled_) return;
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !stalled_; });
    --held_;
  }

  /// Returns when somebody is held.
  void wait_for_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stalled_ = false;
  std::size_t held_ = 0;
};

}  // namespace capstan
