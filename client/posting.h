// The posting half of a session: the outbox, the send window, retries in order.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "capstan/base/clock.h"
#include "capstan/base/ids.h"
#include "capstan/base/random.h"
#include "capstan/client/backoff.h"
#include "capstan/client/body_row.h"
#include "capstan/client/events.h"
#include "capstan/client/interval_set.h"
#include "capstan/codec/frame.h"

namespace capstan {

/// Holds every envelope until it is accepted or refused for good.
///
/// Numbers: from 1, in the order of enqueue(); an envelope keeps its number through every retry. On
///          the wire they begin at 1 in every epoch.
/// Window:  what the hub has not answered stays within its newest grant; a refusal is an answer.
///          From the lowest unsettled number to the highest sent one there are never more numbers
///          than the grant of welcome has envelopes: so many may be open at the hub.
/// Retry:   a refused number and the later ones of its channel wait together. After a back-off the
///          lowest goes first; as long as all are taken, twice as many go in the next round.
/// Memory:  twice the bytes of what is unsettled, the oldest batch as a whole, and little more.
/// Place:   part of the engine.
class Posting {
 public:
  Posting(SessionId session, const SessionOptions& options, Random& random);

  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] std::uint64_t first_number() const { return settled_.floor() + 1; }
  /// As this epoch counts.
  [[nodiscard]] std::uint64_t first_wire_number() const { return wire_number(first_number()); }

  void enqueue(PostBatch&& batch);

  // Names that are still to be looked up, by number. Nothing from the lowest of them on is sent.
  [[nodiscard]] const std::map<std::uint64_t, std::string>& unresolved() const {
    return unresolved_;
  }
  void resolve(const std::string& name, const ChannelId& channel);
  /// Nobody has this name: its numbers are reported and given up when their turn comes.
  void refuse_name(const std::string& name, const Error& error);

  /// The hub has the session: all that is unsettled is unsent again.
  void begin(const AgentId& sender, const SendWindow& window, std::size_t envelope_bytes_max);
  /// The session is not attached: nothing is written.
  void pause() { active_ = false; }
  /// The hub no longer knows our epoch: what was sent may be stored or not.
  void change_epoch(ClientEvents& events);

  void accepted(Time now, Accept accept, ClientEvents& events);
  void refused(Time now, std::uint64_t wire_number, Error error, ClientEvents& events);

  void write(Time now, BodyRow& row, ClientEvents& events);

  /// Monotonic ns, after `now`, of the next retry; empty: none waits for time.
  [[nodiscard]] std::optional<std::uint64_t> due(Time now) const;

  /// Of envelopes, settled ones that are not freed yet included.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct Chunk {
    std::uint64_t first = 0;
    ByteBuffer bytes;
    std::vector<std::uint32_t> ends;
    std::size_t unsettled_bytes = 0;  ///< Of `bytes`; the rest may be freed.

    [[nodiscard]] std::uint64_t end() const { return first + ends.size(); }
    [[nodiscard]] std::uint32_t begin_of(std::uint64_t number) const {
      return number == first ? 0 : ends[static_cast<std::size_t>(number - first - 1)];
    }
    [[nodiscard]] std::uint32_t end_of(std::uint64_t number) const {
      return ends[static_cast<std::size_t>(number - first)];
    }
  };

  /// A channel with refused numbers.
  struct OpenChannel {
    std::set<std::uint64_t> waiting;
    std::set<std::uint64_t> retrying;  ///< Sent again and not yet answered.
    std::uint64_t due_ns = 0;
    std::size_t round = kRoundMax;
    Backoff backoff{20 * kNsPerMs, kNsPerSecond};
  };

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t kRoundMax = 65'536;
  static constexpr std::size_t kChunkBytes = 128 * 1024;
  // Freeing costs a walk over the chunk's numbers: not for less.
  static constexpr std::size_t kFreeBytesMin = 16 * 1024;

  [[nodiscard]] Chunk& chunk_of(std::uint64_t number);
  [[nodiscard]] std::span<std::uint8_t> envelope(std::uint64_t number);
  [[nodiscard]] bool is_final(const Error& error) const;
  [[nodiscard]] std::optional<Error> refusal_here(std::uint64_t number);

  void give_up(std::uint64_t number, Error error, ClientEvents& events);
  void settle(std::uint64_t first, std::uint64_t last, const Accept& accept, ClientEvents& events);
  void close_retries(Time now, std::uint64_t first, std::uint64_t last);
  [[nodiscard]] std::uint64_t release(std::uint64_t first, std::uint64_t last);
  void free_settled(std::uint64_t first, std::uint64_t last);
  void keep_unsettled(Chunk& chunk) const;
  void write_round(Time now, OpenChannel& open, BodyRow& row);
  void pass_settled(std::uint64_t up_to, BodyRow& row);
  void write_new(BodyRow& row, ClientEvents& events);
  [[nodiscard]] std::uint64_t wire_number(std::uint64_t number) const {
    return number - before_epoch_;
  }
  void write_number(std::uint64_t number, BodyRow& row);
  [[nodiscard]] std::uint64_t bytes_to_send(std::uint64_t number);
  [[nodiscard]] bool window_has_room(std::uint64_t bytes) const;
  [[nodiscard]] bool is_in_a_round(std::uint64_t number);
  void answered(std::uint64_t count, std::uint64_t bytes);

  SessionId session_;
  RefusalPolicy refusal_;
  bool wait_when_full_;
  Random& random_;
  std::uint64_t epoch_;

  std::deque<Chunk> chunks_;
  std::size_t last_chunk_ = 0;  // where chunk_of() looks first
  std::uint64_t next_enqueued_ = 1;
  std::map<std::uint64_t, std::string> unresolved_;
  std::map<std::uint64_t, Error> misaddressed_;  // nobody has the name; not reported yet

  IntervalSet settled_;             // accepted, or skipped
  std::set<std::uint64_t> skips_;   // refused for good and reported; to be skipped, not yet so
  std::uint64_t before_epoch_ = 0;  // highest number of the epochs before this one; all settled
  std::uint64_t ever_sent_ = 0;     // highest number that any connection has carried
  std::uint64_t stop_at_ = kNever;  // kStop: this number was refused

  // Since the last begin().
  bool active_ = false;
  AgentId sender_;
  SendWindow window_;
  std::uint64_t open_numbers_max_ = 1;
  std::size_t envelope_bytes_max_ = 0;
  std::uint64_t next_unsent_ = 1;
  SendWindow unanswered_;  // sent, and neither accepted nor refused
  std::map<ChannelId, OpenChannel> open_;
  std::map<std::uint64_t, ChannelId> refused_;  // all numbers in open_
};

}  // namespace capstan
