#include "floor_journal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "capstan/base/check.h"
#include "floor_wire.h"

namespace capstan::bench {

Result<std::unique_ptr<FloorJournal>> FloorJournal::open(const std::string& dir) {
  auto store = SegmentStore::open(dir);
  if (!store) return store.error();
  return std::unique_ptr<FloorJournal>(new FloorJournal(std::move(store).value()));
}

FloorJournal::FloorJournal(std::unique_ptr<SegmentStore> store)
    : store_(std::move(store)), ready_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CAPSTAN_CHECK(ready_fd_ >= 0);
  thread_ = std::thread([this] { run(); });
}

FloorJournal::~FloorJournal() {
  if (thread_.joinable()) static_cast<void>(finish());
  close(ready_fd_);
}

void FloorJournal::add(Message batch) {
  {
    const std::lock_guard lock(mutex_);
    packer_.add(floor_body(batch));
    waiting_.push_back(std::move(batch));
  }
  work_arrived_.notify_one();
}

std::vector<Message> FloorJournal::take_committed() {
  std::uint64_t signals = 0;
  // Nothing to read only says that nothing has been committed.
  static_cast<void>(!read(ready_fd_, &signals, sizeof signals));
  const std::lock_guard lock(mutex_);
  return std::exchange(committed_, {});
}

std::uint64_t FloorJournal::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  work_arrived_.notify_one();
  thread_.join();
  return store_->synced_commits();
}

void FloorJournal::run() {
  Commit commit = wait_for_work({});
  while (!commit.batches.empty()) {
    write(commit);
    hand_back(commit);
    commit = wait_for_work(std::move(commit));
  }
}

FloorJournal::Commit FloorJournal::wait_for_work(Commit spent) {
  std::unique_lock lock(mutex_);
  work_arrived_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
  return {packer_.take(std::move(spent.blocks)), std::exchange(waiting_, {})};
}

void FloorJournal::write(Commit& commit) {
  if (Status durable = store_->commit(*commit.blocks); !durable) {
    std::fprintf(stderr, "floor journal: %s\n", durable.error().text().c_str());
    std::_Exit(EXIT_FAILURE);
  }
}

void FloorJournal::hand_back(Commit& commit) {
  {
    const std::lock_guard lock(mutex_);
    for (Message& batch : commit.batches) committed_.push_back(std::move(batch));
  }
  commit.batches.clear();
  const std::uint64_t one = 1;
  CAPSTAN_CHECK(::write(ready_fd_, &one, sizeof one) == sizeof one);
}

}  // namespace capstan::bench
