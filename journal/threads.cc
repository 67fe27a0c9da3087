#include "capstan/journal/threads.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "capstan/base/check.h"

namespace capstan {

namespace {

struct ReadJob {
  ReadId id;
  std::vector<Sequence> bases;
};
struct DropJob {
  Sequence first;
  Keep keep = Keep::kNothing;
};
using ReaderJob = std::variant<ReadJob, Checkpoint, ColdPart, DropJob>;

std::optional<Error> error_of(const Status& status) {
  if (status) return std::nullopt;
  return status.error();
}

/// Jobs for one thread, which takes all that wait at once. Behind them, one a turn, come those that
/// nobody waits for: of these there may be any number, and they keep no other job for long.
template <typename Job>
class JobQueue {
 public:
  explicit JobQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  void push(Job job) {
    const std::lock_guard lock(mutex_);
    CAPSTAN_CHECK(!closed_ && waiting_.size() < waiting_max_);
    waiting_.push_back(std::move(job));
    changed_.notify_one();
  }

  void push_behind(Job job) {
    const std::lock_guard lock(mutex_);
    CAPSTAN_CHECK(!closed_);
    behind_.push_back(std::move(job));
    changed_.notify_one();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    // Any number of them may wait, and that they have to go is on disk: the next start goes on.
    behind_.clear();
    changed_.notify_one();
  }

  /// Replaces `jobs` by everything that waits, and one of those behind it; false when the queue is
  /// closed and empty.
  [[nodiscard]] bool take(std::vector<Job>& jobs) {
    jobs.clear();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty() || !behind_.empty(); });
    waiting_.swap(jobs);
    if (!behind_.empty()) {
      jobs.push_back(std::move(behind_.front()));
      behind_.pop_front();
    }
    return !jobs.empty();
  }

 private:
  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> waiting_;
  std::deque<Job> behind_;
  bool closed_ = false;
};

/// Results for the core. The eventfd is written on the step from none to some, read on the way
/// back.
class Outbox {
 public:
  Outbox() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CAPSTAN_CHECK(fd_ >= 0); }
  ~Outbox() { ::close(fd_); }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  void push(JournalResult result) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(result));
    if (waiting_.size() > 1) return;
    const std::uint64_t one = 1;
    CAPSTAN_CHECK(::write(fd_, &one, sizeof one) == sizeof one);
  }

  std::size_t drain(std::vector<JournalResult>& results) {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return 0;
    std::uint64_t count = 0;
    CAPSTAN_CHECK(::read(fd_, &count, sizeof count) == sizeof count);
    const std::size_t taken = waiting_.size();
    results.insert(results.end(), std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    return taken;
  }

 private:
  int fd_;
  std::mutex mutex_;
  std::vector<JournalResult> waiting_;
};

JournalResult perform(JournalStore& store, const Commit& commit, Outbox& outbox) {
  std::function<void()> written;
  if (commit.tells_written) {
    written = [&outbox, number = commit.number] { outbox.push(Written{number}); };
  }
  if (Status done = store.commit(commit, std::move(written)); !done) {
    return CommitUnknown{commit.number, done.error()};
  }
  return Committed{commit.number};
}

JournalResult perform(JournalStore& store, const ReadJob& job) {
  return answer_read(store, job.id, job.bases);
}

JournalResult perform(JournalStore& store, const Checkpoint& checkpoint) {
  return CheckpointDone{checkpoint.applied, error_of(store.write_checkpoint(checkpoint))};
}

JournalResult perform(JournalStore& store, const DropJob& job) {
  return SegmentDropped{job.first, error_of(store.drop_segment(job.first, job.keep)),
                        job.keep == Keep::kCold};
}

JournalResult perform(JournalStore& store, const ColdPart& part) {
  return ColdPartStored{part.segment, error_of(store.store_cold(part))};
}

JournalResult perform(JournalStore& store, const ReaderJob& job, Outbox&) {
  return std::visit([&store](const auto& one) { return perform(store, one); }, job);
}

template <typename Job>
void work(JournalStore& store, JobQueue<Job>& queue, Outbox& outbox) {
  std::vector<Job> jobs;
  while (queue.take(jobs)) {
    for (const Job& job : jobs) outbox.push(perform(store, job, outbox));
  }
}

}  // namespace

struct JournalThreads::Parts {
  explicit Parts(JournalStore& journal) : store(journal) {}

  JournalStore& store;
  Outbox outbox;
  JobQueue<Commit> commits{kQueuedCommitsMax};
  JobQueue<ReaderJob> reader_jobs{kQueuedReaderJobsMax};
  std::thread journal_thread{[this] { work(store, commits, outbox); }};
  std::thread reader_thread{[this] { work(store, reader_jobs, outbox); }};
};

JournalThreads::JournalThreads(JournalStore& store) : parts_(std::make_unique<Parts>(store)) {}

JournalThreads::~JournalThreads() {
  parts_->commits.close();
  parts_->reader_jobs.close();
  parts_->journal_thread.join();
  parts_->reader_thread.join();
}

void JournalThreads::commit(Commit commit) { parts_->commits.push(std::move(commit)); }

void JournalThreads::read(ReadId id, std::vector<Sequence> bases) {
  parts_->reader_jobs.push(ReadJob{id, std::move(bases)});
}

void JournalThreads::checkpoint(Checkpoint checkpoint) {
  parts_->reader_jobs.push(std::move(checkpoint));
}

void JournalThreads::store_cold(ColdPart part) { parts_->reader_jobs.push(std::move(part)); }

void JournalThreads::drop_segment(Sequence first, Keep keep) {
  parts_->reader_jobs.push_behind(DropJob{first, keep});
}

std::size_t JournalThreads::drain(std::vector<JournalResult>& results) {
  return parts_->outbox.drain(results);
}

int JournalThreads::wake_fd() const { return parts_->outbox.fd(); }

}  // namespace capstan
