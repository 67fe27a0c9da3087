#include "admin_thread.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admitted_key.h"
#include "capstan/base/check.h"

namespace capstan {

AdminThread::AdminThread(Layout layout, CredentialStore& credentials,
                         std::function<Status()> reload_config)
    : layout_(std::move(layout)),
      credentials_(credentials),
      reload_config_(std::move(reload_config)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {
  CAPSTAN_CHECK(wake_fd_ >= 0);
}

AdminThread::~AdminThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  ::close(wake_fd_);
}

void AdminThread::queue(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void AdminThread::admit(const AdmittedKey& key) {
  queue([this, key] { return admit_now(key); });
}

void AdminThread::reload() {
  queue([this] { return reload_now(); });
}

void AdminThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    std::optional<Event> result = job();
    lock.lock();
    if (result) {
      results_.push_back(*std::move(result));
      const std::uint64_t one = 1;
      (void)!::write(wake_fd_, &one, sizeof one);
    }
  }
}

std::optional<Event> AdminThread::admit_now(const AdmittedKey& key) {
  Admission admission;
  admission.name = key.name;
  admission.key.bytes = key.key;
  admission.names = key.names;
  admission.role = key.role == AgentRole::kAdmin ? Role::kAdmin : Role::kAgent;
  auto next = credentials_.current()->with(admission);
  if (!next) return KeyAdmitted{key.name, next.error()};
  if (Status written = write_admission(layout_.admissions(), admission); !written) {
    return KeyAdmitted{key.name, written.error()};
  }
  credentials_.replace(*next);
  return KeyAdmitted{key.name, std::nullopt};
}

std::optional<Event> AdminThread::reload_now() {
  auto admissions = load_admissions(layout_.admissions());
  auto next = admissions ? CredentialSnapshot::build(*std::move(admissions))
                         : Result<SharedCredentials>(admissions.error());
  if (!next) {
    spdlog::error("reload=failed error=\"{}\"", next.error().text());
    return std::nullopt;
  }
  if (Status config = reload_config_(); !config) {
    spdlog::error("reload=failed error=\"{}\"", config.error().text());
    return std::nullopt;
  }
  credentials_.replace(*next);
  spdlog::info("reload=done keys={}", (*next)->admissions().size());
  return KeysChanged{to_admitted_keys(**next)};
}

void AdminThread::drain(std::vector<Event>& events) {
  std::uint64_t count = 0;
  (void)!::read(wake_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  for (Event& result : results_) events.push_back(std::move(result));
  results_.clear();
}

}  // namespace capstan
