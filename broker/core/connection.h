// Who is connected, for whom, and what is under way to and from them.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "block_cache.h"
#include "capstan/codec/compact.h"
#include "capstan/core/hub.h"
#include "delivery_queue.h"

namespace capstan {

struct Connection;
struct Inbox;

/// Blocks that one read fetches: enough to keep a receiver busy, little enough to hold.
inline constexpr std::size_t kBlocksPerReadMax = 4;

/// What a connection may have unacknowledged over all of its sessions.
inline constexpr std::uint64_t kConnectionBytesMax = 16 * 1024 * 1024;

/// One delivery that the receiver has not acknowledged.
struct InFlight {
  Position position;
  EnvelopeId id;
  std::uint64_t give_back_ns = 0;  ///< Monotonic: without a receipt it has failed then; 0: never.
  std::uint32_t bytes = 0;
  Priority priority = Priority::kNormal;
  bool over = false;  ///< Acknowledged, or given back.
};

/// Delivery numbers by the envelope's sequence, for receivers that acknowledge in another order
/// than that of delivery. Empty until the first of those; never read in its own order.
struct DeliveryIndex {
  std::unordered_map<Sequence, std::uint64_t> numbers;
  std::uint64_t next = 0;  ///< Deliveries from here on are not in it yet.
};

/// Numbers of this session that were refused and neither sent again nor skipped since.
class OpenNumbers {
 public:
  void open(std::uint64_t number, const ChannelId& channel);
  void close(std::uint64_t number);
  [[nodiscard]] std::size_t size() const { return channel_of_.size(); }
  [[nodiscard]] bool contains(std::uint64_t number) const { return channel_of_.contains(number); }
  /// A lower number to the same channel is open: `number` has to wait for it.
  [[nodiscard]] bool blocks(std::uint64_t number, const ChannelId& channel) const;

 private:
  std::map<std::uint64_t, ChannelId> channel_of_;
  /// Ordered: these are channels of refused envelopes, and clients make them up as they like.
  std::map<ChannelId, std::set<std::uint64_t>> by_channel_;
};

/// How far a receiving session has gone through the mail of one priority.
struct LaneCursor {
  Position next{1};   ///< First position not yet looked at.
  SharedBlock block;  ///< Where the scan stands, so that it goes on and not over.
  std::size_t offset = 0;
  Sequence sequence;
};

/// One agent bound on one connection.
struct Session {
  Connection* connection = nullptr;
  SessionId id = 0;
  AgentId agent;
  AttachMode mode = AttachMode::kPost;

  // Posting.
  std::uint64_t epoch = 0;
  std::uint64_t expected = 1;        ///< Lowest number that this session has not presented yet.
  std::uint64_t settled_before = 0;  ///< Highest number that was settled when this one attached.
  OpenNumbers open_numbers;
  SendWindow unaccepted;
  PositionSet unsaved_numbers;  ///< Settled without an envelope, and not in the fold yet.
  ChannelId last_channel;       ///< Route of the last envelope; senders repeat themselves.
  Mailbox* last_mailbox = nullptr;
  Durability last_durability = Durability::kSynced;

  // Receiving.
  Inbox* inbox = nullptr;
  EnvelopeId after;  ///< Envelopes up to here are not this session's.
  std::array<LaneCursor, kPriorityCount> lanes;
  std::uint64_t next_delivery = 1;
  std::uint64_t first_in_flight = 1;  ///< Delivery number of `in_flight.front()`.
  DeliveryQueue<InFlight> in_flight;
  DeliveryIndex by_id;
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t credit_until = 0;
  std::uint64_t credit_bytes = 0;
  CommitNumber opens_with;                 ///< The commit whose release answers the attach.
  std::vector<Position> retries_left_out;  ///< Due, and from before `after`.
  bool alone = false;  ///< What is in flight has failed before: nothing goes beside it.
  bool ready = false;  ///< Stands in Core::ready.
  std::size_t blocks_per_read = kBlocksPerReadMax;
  bool reading = false;  ///< Waits for a ReadDone or for a free read.
  std::deque<SharedBlock> read_ahead;
};

struct Connection {
  ConnectionId id;
  AdmittedKey identity;
  bool any_key = false;
  bool welcomed = false;
  std::uint64_t last_heard_ns = 0;
  std::uint64_t unacknowledged_bytes = 0;
  bool was_full = false;  ///< Sessions may wait for others to acknowledge.
  BodyWriter out;
  bool has_output = false;                  ///< Stands in Core::with_output.
  std::uint64_t share_turn = 0;             ///< The turn that `share_used` is of.
  std::uint64_t share_used = 0;             ///< Of kTurnShareBytes.
  std::uint64_t waiting_answers_bytes = 0;  ///< For commits.
  /// Presence changes up to this version were told; empty: it has not subscribed.
  std::optional<std::uint64_t> presence_told;
  std::map<SessionId, std::unique_ptr<Session>> sessions;  ///< Ordered: clients choose the ids.
};

}  // namespace capstan
