// The journal of the floor: group commit of whatever waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "block_packer.h"
#include "capstan/base/result.h"
#include "segment_store.h"
#include "zmq_socket.h"

namespace capstan::bench {

/// Takes batches from the hub's thread, packs them there, and hands them back when they are on
/// disk. While the journal thread writes and syncs one commit, the next gathers.
///
/// Thread: all public members belong to the hub's thread.
class FloorJournal {
 public:
  static Result<std::unique_ptr<FloorJournal>> open(const std::string& dir);
  FloorJournal(const FloorJournal&) = delete;
  FloorJournal& operator=(const FloorJournal&) = delete;
  ~FloorJournal();

  /// Shape: a message of type kBatch; its number follows the last one's.
  void add(Message batch);

  /// Batches that have become durable since the last call, in order.
  [[nodiscard]] std::vector<Message> take_committed();

  /// Readable when take_committed() has something to give.
  [[nodiscard]] int ready_fd() const { return ready_fd_; }

  /// Stops the thread when everything that was added is durable, and says how many commits it took.
  [[nodiscard]] std::uint64_t finish();

 private:
  struct Commit {
    std::unique_ptr<BlockBatch> blocks = std::make_unique<BlockBatch>();
    std::vector<Message> batches;
  };

  explicit FloorJournal(std::unique_ptr<SegmentStore> store);

  void run();
  [[nodiscard]] Commit wait_for_work(Commit spent);
  void write(Commit& commit);
  void hand_back(Commit& commit);

  std::unique_ptr<SegmentStore> store_;  // the journal thread's own

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  BlockPacker packer_;              // guarded by mutex_
  std::vector<Message> waiting_;    // guarded by mutex_; what packer_ holds
  std::vector<Message> committed_;  // guarded by mutex_
  bool finishing_ = false;          // guarded by mutex_

  const int ready_fd_;
  std::thread thread_;
};

}  // namespace capstan::bench
