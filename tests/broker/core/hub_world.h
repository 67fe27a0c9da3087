// The little language of the core's tests: a hub without threads, disk or sockets, whose effects
// wait until the test answers them, and peers that speak to it in frames.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "capstan/core/hub.h"

namespace capstan::core_test {

/// A delivery with the envelope decoded.
struct Notified {
  SessionId session = 0;
  std::uint64_t delivery = 0;
  std::uint32_t attempt = 0;
  Position position;
  Envelope envelope;
  [[nodiscard]] std::string text() const { return *decode_text_event(envelope.event_data); }
};

using HubFrame = std::variant<Welcome, Accept, Notified, ErrorFrame, Pong, Response, Bye, Presence>;

/// What an attach says; the rest has usual values.
struct Binding {
  SessionId session = 1;
  AttachMode mode = AttachMode::kPost;
  Since since;
  std::uint64_t credit_until = 1'000'000;
  std::uint64_t credit_bytes = 1 << 30;
  std::uint64_t epoch = 0;
  std::uint64_t first_number = 1;
};

/// Posting from number 1 in `epoch`.
inline Binding posting(std::uint64_t epoch = 7, SessionId session = 1) {
  Binding binding;
  binding.session = session;
  binding.epoch = epoch;
  return binding;
}

inline Binding receiving(SessionId session = 1) {
  Binding binding;
  binding.session = session;
  binding.mode = AttachMode::kReceive;
  return binding;
}

/// The key of this name in every world: no two names share one.
[[nodiscard]] AdmittedKey key_of(const std::string& name, std::vector<std::string> names = {});

/// One connection. It gathers what the hub sent to it until somebody looks.
class Peer {
 public:
  [[nodiscard]] ConnectionId id() const { return id_; }

  /// All frames of this type that came since the last look, and forgets them.
  template <typename Frame>
  [[nodiscard]] std::vector<Frame> take() {
    std::vector<Frame> taken;
    std::deque<HubFrame> rest;
    for (HubFrame& frame : heard_) {
      if (auto* typed = std::get_if<Frame>(&frame)) {
        taken.push_back(std::move(*typed));
      } else {
        rest.push_back(std::move(frame));
      }
    }
    heard_.swap(rest);
    return taken;
  }

  /// The only frame of this type; anything else is a failure.
  template <typename Frame>
  [[nodiscard]] Frame take_one() {
    std::vector<Frame> taken = take<Frame>();
    EXPECT_EQ(taken.size(), 1U);
    return taken.empty() ? Frame{} : std::move(taken.front());
  }

  /// Texts of the envelopes that were delivered.
  [[nodiscard]] std::vector<std::string> take_texts();
  /// Codes of the errors that were heard.
  [[nodiscard]] std::vector<ErrorCode> take_errors();
  /// What the frames are, in the order in which they came: "accept", "error", …
  [[nodiscard]] std::vector<std::string> take_kinds();
  [[nodiscard]] bool silent() const { return heard_.empty(); }

 private:
  friend class World;
  ConnectionId id_;
  std::deque<HubFrame> heard_;
};

/// No checkpoint, no snapshot and no new segment come by themselves.
[[nodiscard]] HubConfig quiet_config();

class World {
 public:
  /// A new hub that knows these agents, with everything answered.
  explicit World(const HubConfig& hub_config = quiet_config(),
                 const std::vector<std::string>& agents = {"alice", "bob", "carol"});

  // ---- Peers ----

  /// A peer whose key may use `names` (its own name when empty). It has said nothing yet.
  Peer& open(const std::string& key, std::vector<std::string> names = {},
             AgentRole role = AgentRole::kAgent);
  /// The same, and it has been welcomed.
  Peer& connect(const std::string& key, std::vector<std::string> names = {},
                AgentRole role = AgentRole::kAgent);
  /// A peer of a hub without CURVE.
  Peer& connect_any_key();
  void close(Peer& peer) { tell(PeerGone{peer.id()}); }

  /// The answer, with whatever had to be committed first.
  Response attach(Peer& peer, const std::string& agent, const Binding& binding);

  // ---- Frames; nothing is committed by itself ----

  template <typename... Frames>
  void say(Peer& peer, const Frames&... frames) {
    BodyWriter body;
    (body.write(frames), ...);
    feed(peer, body.take());
  }
  void feed(Peer& peer, const ByteBuffer& body) { tell(FramesArrived{peer.id(), body}); }
  void send(Peer& peer, std::uint64_t number, const std::string& to, const std::string& text,
            SessionId session = 1);
  void send(Peer& peer, std::uint64_t number, const Envelope& content, SessionId session = 1);
  void skip(Peer& peer, std::uint64_t number, SessionId session = 1);
  void ack(Peer& peer, const EnvelopeId& id, SessionId session = 1);
  void ack_up_to(Peer& peer, std::uint64_t delivery, SessionId session = 1);
  Response request(Peer& peer, const std::string& operation, const ParamMap& params = {});

  /// An envelope for this agent's mailbox, as a client writes it.
  [[nodiscard]] Envelope envelope(const std::string& to, const std::string& text) const;
  [[nodiscard]] ByteBuffer envelope_bytes(const std::string& to, const std::string& text) const;

  // ---- The world answers ----

  void tell(const Event& event) { tell(std::vector<Event>{event}); }
  void tell(const std::vector<Event>& events);
  /// Moves both clocks and wakes the hub.
  void pass_ms(std::uint64_t ms);
  /// Makes every waiting commit durable, and those that follow from it.
  void commit();
  /// Makes the oldest waiting commit durable.
  void commit_one();
  /// Answers every waiting read from what is on disk.
  void answer_reads();
  void fail_read(ErrorCode code);
  /// Writes every waiting checkpoint.
  void checkpoint();
  /// Stores every waiting part of a copy.
  void store_cold();
  /// Segments whose copy is whole give way to it.
  void replace_by_cold();
  /// Answers everything, until nothing waits.
  void settle_all();
  /// A new hub on what is durable: the checkpoint and the commits after it.
  void restart();
  /// The state that a start would find.
  [[nodiscard]] State recovered() const;

  // ---- Looking ----

  [[nodiscard]] const State& state() const { return hub_->state(); }
  [[nodiscard]] AgentId id(const std::string& agent) const;
  [[nodiscard]] const Mailbox& mailbox(const std::string& agent) const;
  [[nodiscard]] std::uint64_t pending(const std::string& agent) const {
    return mailbox(agent).pending();
  }
  /// A number of `status`.
  [[nodiscard]] std::uint64_t counter(const std::string& name);
  [[nodiscard]] std::vector<RecordView> records() const;
  /// How many durable or waiting records are of this type.
  [[nodiscard]] std::size_t count_records(RecordType type) const;
  [[nodiscard]] bool audited(const std::string& event) const;

  HubConfig config;
  Time now{1'000 * kNsPerSecond, 1'700'000'000 * kNsPerSecond};
  std::vector<Gap> gaps_at_start;
  Sequence checkpointed_at_start;
  std::vector<Sequence> chain_breaks_at_start;
  std::vector<Sequence> cold_originals_at_start;

  // What the hub asked for and nobody has answered yet.
  std::deque<Commit> commits;
  std::deque<ReadBlocks> reads;
  std::deque<Checkpoint> checkpoints;
  std::vector<Sequence> drops;
  std::vector<Sequence> cold_drops;
  std::deque<ColdPart> cold_parts;
  std::vector<AdmittedKey> admissions;
  std::vector<std::string> withdrawals;  ///< Names that are to leave agents/.
  std::vector<std::string> forgotten;    ///< Whose note is to go.

  // What it did.
  std::vector<Audit> audits;
  std::set<ConnectionId> evicted;
  std::optional<Stop> stopped;
  std::uint64_t wake_at_ns = 0;
  std::size_t body_bytes_max = 0;  ///< Of the largest body part that left.

  // The disk.
  std::map<Sequence, SharedBlock> disk;
  std::map<Sequence, SharedBlock> cold;  ///< Thinned blocks.
  std::vector<Commit> durable;
  std::map<std::string, std::string> rows;
  Sequence applied;

 private:
  void start(State state);
  void take(Effects& effects);
  void perform(SendBody& send);
  void perform(WriteCommit& write);
  void perform(WriteCheckpoint& write) { checkpoints.push_back(std::move(write.checkpoint)); }
  void perform(ReadBlocks& read) { reads.push_back(std::move(read)); }
  void perform(StoreCold& store) { cold_parts.push_back(std::move(store.part)); }
  void perform(DropSegment& drop) { (drop.keeps_cold ? cold_drops : drops).push_back(drop.first); }
  void perform(Evict& evict) { evicted.insert(evict.connection); }
  void perform(AdmitKey& admit) { admissions.push_back(std::move(admit.key)); }
  void perform(WithdrawName& withdraw) { withdrawals.push_back(std::move(withdraw.name)); }
  void perform(ForgetWithdrawal& forget) { forgotten.push_back(std::move(forget.name)); }
  void perform(Audit& audit) { audits.push_back(std::move(audit)); }
  void perform(WakeAt& wake) { wake_at_ns = wake.monotonic_ns; }
  void perform(Stop& stop) { stopped = std::move(stop); }

  std::unique_ptr<Hub> hub_;
  std::map<ConnectionId, std::unique_ptr<Peer>> peers_;
  std::uint32_t next_connection_ = 0;
  std::uint64_t next_request_ = 1;
  std::uint8_t starts_ = 0;
  CommitNumber last_commit_;
  Sequence last_sequence_;
};

}  // namespace capstan::core_test
