#include "callback_thread.h"

#include <utility>

namespace capstan {
namespace {

thread_local bool is_callback_thread = false;

}  // namespace

CallbackThread::~CallbackThread() {
  if (!thread_.joinable()) return;
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void CallbackThread::start(std::function<void()> run) {
  const std::lock_guard lock(mutex_);
  thread_ = std::thread([run = std::move(run)] {
    is_callback_thread = true;
    run();
  });
}

void CallbackThread::join() {
  if (is_callback_thread) return;
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

bool CallbackThread::is_here() { return is_callback_thread; }

}  // namespace capstan
