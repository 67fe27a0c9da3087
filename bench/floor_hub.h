// The hub of the floor: receive, commit, accept, deliver, and nothing that a broker decides.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "capstan/base/result.h"
#include "floor_journal.h"
#include "floor_wire.h"
#include "run_spec.h"
#include "zmq_socket.h"

namespace capstan::bench {

/// Serves one producer and one consumer until the consumer has acknowledged the last batch.
///
/// Batches are accepted and delivered when they are durable; without a journal, at once. Acceptance
/// is held back while the consumer owes kDeliveryWindow batches, which bounds the hub's memory.
class FloorHub {
 public:
  /// Shape: `journal` may be null: then nothing is stored (raw_zmq).
  FloorHub(std::unique_ptr<Socket> router, std::unique_ptr<FloorJournal> journal);

  Status serve();

  [[nodiscard]] std::uint64_t synced_commits() const { return synced_commits_; }

 private:
  [[nodiscard]] bool finished() const { return ended_ && received_ == end_number_; }
  Status wait_for_events();
  Status receive_waiting();
  Status handle(Message route, Message body);
  Status answer_hello(Message route, const FloorHead& head);
  Status deliver(std::vector<Message> committed);
  Status accept();
  Status forward_end();
  Status send_to(Bytes route, Message body);

  std::unique_ptr<Socket> router_;
  std::unique_ptr<FloorJournal> journal_;
  std::vector<Message> unstored_;  // without a journal: what has just arrived
  ByteBuffer producer_route_;
  ByteBuffer consumer_route_;
  std::uint64_t committed_ = 0;  // cumulative numbers of batches
  std::uint64_t accepted_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t end_number_ = 0;
  bool ending_ = false;  // the producer has said how many batches there are
  bool ended_ = false;   // and so has the hub to the consumer
  std::uint64_t synced_commits_ = 0;
};

/// The role of the hub's process. Prints {"endpoint", "hub_public_key"} when it listens, and
/// {"fsyncs"} at the end.
Status run_floor_hub(const RunSpec& spec);

}  // namespace capstan::bench
