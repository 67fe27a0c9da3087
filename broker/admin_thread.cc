#include "admin_thread.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admitted_key.h"
#include "capstan/base/check.h"
#include "capstan/security/withdrawal.h"

namespace capstan {

namespace {

int make_wake_fd(bool readable) {
  const int fd = ::eventfd(readable ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
  CAPSTAN_CHECK(fd >= 0);
  return fd;
}

std::vector<Event> first_look(const Watch& watch) {
  std::vector<Event> events;
  if (!watch.look) return events;
  if (auto event = watch.look()) events.push_back(*std::move(event));
  return events;
}

}  // namespace

AdminThread::AdminThread(Layout layout, CredentialStore& credentials,
                         std::function<Status()> reload_config, Watch watch)
    : layout_(std::move(layout)),
      credentials_(credentials),
      reload_config_(std::move(reload_config)),
      watch_(std::move(watch)),
      wake_fd_(make_wake_fd(watch_.look != nullptr)),
      results_(first_look(watch_)),
      thread_([this] { run(); }) {}

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

void AdminThread::withdraw(const std::string& name) {
  queue([this, name] { return withdraw_now(name); });
}

void AdminThread::forget(const std::string& name) {
  queue([this, name] { return forget_now(name); });
}

void AdminThread::reload() {
  queue([this] { return reload_now(); });
}

// True for a job, or for the end; false when it is time to look.
bool AdminThread::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || !jobs_.empty(); };
  if (watch_.look) return changed_.wait_for(lock, watch_.interval, ready);
  changed_.wait(lock, ready);
  return true;
}

void AdminThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    Job job = watch_.look;
    if (wait_for_work(lock)) {
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    lock.unlock();
    std::optional<Event> result = job();
    lock.lock();
    report(std::move(result));
  }
}

// With the lock held.
void AdminThread::report(std::optional<Event> result) {
  if (!result) return;
  results_.push_back(*std::move(result));
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

std::optional<Event> AdminThread::admit_now(const AdmittedKey& key) {
  Admission admission;
  admission.name = key.name;
  admission.key.bytes = key.key;
  admission.names = key.names;
  admission.role = key.role == AgentRole::kAdmin ? Role::kAdmin : Role::kAgent;
  if (key.durability) admission.durability = durability_text(*key.durability);
  const SharedCredentials now = credentials_.current();
  // Told again: by an operator who has lost the first answer, or who wrote the file himself while
  // this hub was starting.
  const Admission* known = now->find(admission.name);
  if (known != nullptr && *known == admission) return KeyAdmitted{key.name, std::nullopt};
  auto next = now->with(admission);
  if (!next) return KeyAdmitted{key.name, next.error()};
  if (Status written = write_admission(layout_.admissions(), admission); !written) {
    return KeyAdmitted{key.name, written.error()};
  }
  credentials_.replace(*next);
  return KeyAdmitted{key.name, std::nullopt};
}

Result<SharedCredentials> AdminThread::load(Emptied emptied) const {
  auto admissions = load_admissions(layout_.admissions());
  if (!admissions) return admissions.error();
  const std::size_t known = credentials_.current()->admissions().size();
  // A failed mount of agents/ must not look like everybody's retirement.
  if (admissions->empty() && known > 0 && emptied == Emptied::kByOthers) {
    return {ErrorCode::kBadConfig, layout_.admissions().string() + " is empty, but " +
                                       std::to_string(known) +
                                       " keys are admitted; is the folder mounted? Nothing was "
                                       "changed"};
  }
  return CredentialSnapshot::build(*std::move(admissions));
}

std::optional<Event> AdminThread::withdraw_now(const std::string& name) {
  NameWithdrawn withdrawn;
  withdrawn.name = name;
  auto done = withdraw_name(layout_.admissions(), name, EarlierNote::kReplace);
  const auto next =
      done ? load(done->withdrawn.empty() ? Emptied::kByOthers : Emptied::kByThisThread)
           : Result<SharedCredentials>(done.error());
  if (!next) {
    withdrawn.error = next.error();
    return withdrawn;
  }
  credentials_.replace(*next);
  withdrawn.key = done->key.bytes;
  withdrawn.withdrawn = std::move(done->withdrawn);
  withdrawn.narrowed = std::move(done->narrowed);
  withdrawn.covering = std::move(done->covering);
  withdrawn.keys = to_admitted_keys(**next);
  return withdrawn;
}

std::optional<Event> AdminThread::forget_now(const std::string& name) {
  const Status forgotten = forget_retired(layout_.admissions(), name);
  if (forgotten || forgotten.error().code == ErrorCode::kNotFound) {
    return WithdrawalForgotten{name, std::nullopt};
  }
  return WithdrawalForgotten{name, forgotten.error()};
}

std::optional<Event> AdminThread::reload_now() {
  const auto next = load(Emptied::kByOthers);
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
