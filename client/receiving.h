// The receiving half of a session: deduplication, acknowledgement, credit.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capstan/base/ids.h"
#include "capstan/client/body_row.h"
#include "capstan/client/events.h"
#include "capstan/client/interval_set.h"
#include "capstan/codec/frame.h"

namespace capstan {

/// Two counts meet here. The hub numbers what it sends on each attach from 1; the application is
/// shown numbers that never begin again, so that it may acknowledge after a reconnect what it was
/// given before. An envelope that comes again while the application still has it is tied to the
/// number that was shown; one that it has acknowledged is acknowledged again.
///
/// Place: part of the engine.
class Receiving {
 public:
  explicit Receiving(const SessionOptions& options);

  /// An attach is about to be written: the hub's numbers begin again at 1.
  void begin();

  /// Highest of the hub's numbers that it may send now; never falls between two begin().
  [[nodiscard]] std::uint64_t credit_until() const;

  /// The number to show to the application; empty: there is nothing to show.
  [[nodiscard]] std::optional<std::uint64_t> notified(const NotifyView& notify);

  void acknowledge(std::uint64_t first, std::uint64_t last);
  /// The application could not do it: the hub sends it again after `delay_ms` (0: as it thinks
  /// fit), and then it is shown as a new delivery.
  void nack(std::uint64_t number, std::uint32_t delay_ms, std::string reason);
  /// The application is at it: keeps a hub with a deadline per delivery waiting.
  void working(std::uint64_t number);
  void grant(std::uint64_t deliveries);

  /// All positions of `channel` up to `cursor` are settled on the hub's disk.
  void forget(const ChannelId& channel, Position cursor);

  void write_receipts(SessionId session, BodyRow& row);

 private:
  struct Shown {
    EnvelopeId id;
    ChannelId channel;
    Position position;
    std::uint64_t delivery = 0;  ///< The hub's number; 0: not sent again since the last attach.
    bool over = false;           ///< Acknowledged, or given back.
  };
  struct GivenBack {
    std::uint64_t delivery = 0;
    std::uint32_t delay_ms = 0;
    std::string reason;
  };

  /// Mail that the hub stores has a position, and comes again until it is acknowledged.
  [[nodiscard]] static bool comes_again(const Shown& shown) { return shown.position.value != 0; }
  [[nodiscard]] IntervalSet& seen_in(const ChannelId& channel);
  [[nodiscard]] Shown* find_unacknowledged(const EnvelopeId& id);
  void came_again(const EnvelopeId& id, std::uint64_t delivery);
  [[nodiscard]] Shown* find_open(std::uint64_t number);
  void settle(const EnvelopeId& id, std::uint64_t delivery);
  void take_back(GivenBack given_back);
  void drop_over();

  std::uint64_t credit_envelopes_;
  std::optional<std::uint64_t> deliveries_max_;

  std::unordered_map<ChannelId, IntervalSet> seen_;  // positions that were shown
  ChannelId seen_last_channel_;
  IntervalSet* seen_last_ = nullptr;

  // Deliveries first_shown_, first_shown_ + 1, … stand at head_, head_ + 1, …
  std::vector<Shown> shown_;
  std::size_t head_ = 0;
  std::size_t search_from_ = 0;
  std::uint64_t first_shown_ = 1;
  std::uint64_t shown_total_ = 0;
  // Shown, unacknowledged, not sent again since the last attach; of what comes again.
  std::uint64_t awaited_ = 0;
  std::set<std::pair<ChannelId, Position>> returned_;        // given back: to be shown once more
  std::vector<std::pair<EnvelopeId, std::uint64_t>> again_;  // second numbers in one attach

  // Since the last attach, in the hub's numbers.
  std::uint64_t received_ = 0;
  std::uint64_t withheld_ = 0;  // came beyond deliveries_max: neither shown nor acknowledged
  std::uint64_t settled_count_ = 0;
  IntervalSet settled_;
  std::vector<std::pair<EnvelopeId, std::uint64_t>> settled_alone_;
  std::vector<GivenBack> given_back_;
  std::vector<std::uint64_t> working_;
  std::uint64_t told_up_to_ = 0;
  std::uint64_t told_credit_ = 0;
};

}  // namespace capstan
