// The thread on which an agent's callbacks run.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace capstan {

/// Place: part of AgentState, which `run` holds until it returns.
class CallbackThread {
 public:
  CallbackThread() = default;
  /// Its agent goes last with it, or behind it: it has nothing left to do, and may be here itself.
  ~CallbackThread();
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  void start(std::function<void()> run);
  /// Waits until `run` has returned. A callback, whose ever it is, does not wait: two that close
  /// each other's agents would wait for ever. It goes on afterwards, and whoever joins next waits.
  void join();
  /// The caller is a callback of some agent.
  [[nodiscard]] static bool is_here();

 private:
  std::mutex mutex_;  // one at a time starts or joins
  std::thread thread_;
};

}  // namespace capstan
