// Exact recognition of a client's own retries. PROTOCOL.md §6.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "capstan/base/ids.h"
#include "capstan/core/position_set.h"

namespace capstan {

/// One client life: which of its numbers are settled, and the ids that they were given.
class Producer {
 public:
  /// Consecutive numbers with consecutive ids; a zero id: nothing is stored under the numbers.
  struct Run {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    EnvelopeId first_id;
    bool operator==(const Run&) const = default;
  };

  Producer() = default;
  Producer(PositionSet settled, std::deque<Run> runs, Sequence last_used);

  /// Notes that `count` numbers from `number` on are stored under `id` and the ids that follow it
  /// (zero: without one), by the record at `sequence`.
  void settle(std::uint64_t number, const EnvelopeId& id, Sequence sequence,
              std::uint64_t count = 1);

  [[nodiscard]] bool is_settled(std::uint64_t number) const { return settled_.contains(number); }

  /// The id that a settled number was given; empty when it lies further back than any send window.
  [[nodiscard]] std::optional<EnvelopeId> id_of(std::uint64_t number) const;

  /// All numbers up to it are settled.
  [[nodiscard]] std::uint64_t floor() const { return settled_.floor(); }

  [[nodiscard]] Sequence last_used() const { return last_used_; }
  [[nodiscard]] const PositionSet& settled() const { return settled_; }
  [[nodiscard]] const std::deque<Run>& runs() const { return runs_; }

  bool operator==(const Producer&) const = default;

 private:
  PositionSet settled_;
  std::deque<Run> runs_;  // Ascending by number.
  Sequence last_used_;
};

}  // namespace capstan
