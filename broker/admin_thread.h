// Disk work of the operator's requests, which the core must not wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "capstan/core/event.h"
#include "capstan/security/credentials.h"
#include "capstan/security/layout.h"

namespace capstan {

/// Something that the admin thread looks at again and again.
struct Watch {
  std::function<std::optional<Event>()> look;  ///< Null: nothing to watch.
  std::chrono::milliseconds interval{200};
};

/// Changes what stands under agents/ and swaps the credential snapshot.
///
/// Thread: calls from the core thread; results come back through drain().
class AdminThread {
 public:
  /// `reload_config` is called first by a reload, on this thread; its error stops the reload.
  /// The first look is taken here: its event waits when this returns.
  AdminThread(
      Layout layout, CredentialStore& credentials,
      std::function<Status()> reload_config = [] { return Status(); }, Watch watch = {});
  /// Ends after the work that waits.
  ~AdminThread();
  AdminThread(const AdminThread&) = delete;
  AdminThread& operator=(const AdminThread&) = delete;

  /// Answered by KeyAdmitted.
  void admit(const AdmittedKey& key);

  /// Answered by NameWithdrawn. What has changed under agents/ beside it is taken up, too, as
  /// reload() would.
  void withdraw(const std::string& name);

  /// Removes the note agents/NAME.removed, if there is one; answered by WithdrawalForgotten.
  void forget(const std::string& name);

  /// Reads the configuration and agents/ anew; answered by KeysChanged. Errors in either change
  /// nothing, nor does an agents/ without any file while keys are admitted.
  void reload();

  void drain(std::vector<Event>& events);

  /// Readable while results wait.
  [[nodiscard]] int wake_fd() const { return wake_fd_; }

 private:
  using Job = std::function<std::optional<Event>()>;
  /// Whose doing it would be that agents/ has no file.
  enum class Emptied { kByThisThread, kByOthers };

  void queue(Job job);
  void run();
  [[nodiscard]] bool wait_for_work(std::unique_lock<std::mutex>& lock);
  void report(std::optional<Event> result);
  std::optional<Event> admit_now(const AdmittedKey& key);
  std::optional<Event> reload_now();
  std::optional<Event> withdraw_now(const std::string& name);
  std::optional<Event> forget_now(const std::string& name);
  [[nodiscard]] Result<SharedCredentials> load(Emptied emptied) const;

  Layout layout_;
  CredentialStore& credentials_;
  std::function<Status()> reload_config_;
  Watch watch_;
  int wake_fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::vector<Event> results_;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace capstan
