// What has come for an agent, and what it says to the hub about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capstan/client/agent_client.h"
#include "capstan/client/link.h"

namespace capstan {

/// Hands deliveries out in their order, and stages receipts until the I/O thread takes them.
///
/// Place: part of AgentState, under its lock.
class AgentInbox {
 public:
  struct Nack {
    std::uint64_t number = 0;
    std::uint32_t delay_ms = 0;
    std::string reason;
  };
  /// What was given back is told first: an acknowledgement may cover it.
  struct Receipts {
    std::vector<Nack> nacks;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> acknowledged;  ///< (first, last)

    [[nodiscard]] bool empty() const { return nacks.empty() && acknowledged.empty(); }
  };

  /// Not empty, all from `body`. True: nothing had come since the last ones were taken.
  bool add(std::span<const Delivered> deliveries, const LinkBody& body);

  [[nodiscard]] bool has_delivery() const {
    return next_handed_ < handing_.size() || !arriving_.empty();
  }
  /// Only with has_delivery().
  [[nodiscard]] Delivery next();
  [[nodiscard]] std::vector<Delivery> next(std::size_t max);

  void acknowledge(std::uint64_t first, std::uint64_t last);
  void nack(Nack nack);
  [[nodiscard]] Receipts take_receipts() { return std::exchange(receipts_, {}); }
  /// Those that were taken have left. False: others wait already.
  [[nodiscard]] bool receipts_sent();
  [[nodiscard]] bool owes_receipts() const { return receipts_pending_; }

 private:
  void take_arriving();

  std::vector<Delivery> arriving_;
  std::vector<Delivery> handing_;  // from next_handed_ on
  std::size_t next_handed_ = 0;
  Receipts receipts_;
  bool receipts_pending_ = false;
};

}  // namespace capstan
