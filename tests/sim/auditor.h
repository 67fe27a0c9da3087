// Holds the hub to its promises (README.md), knowing what every client did and what is on disk.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "capstan/client/events.h"
#include "capstan/core/state.h"
#include "counts.h"
#include "ledger.h"
#include "plan.h"

namespace capstan::sim {

/// One session of one client life: the extent of the client library's deduplication.
using Stream = std::uint64_t;

/// What the hub knows a session by; from the attach frames that clients sent.
struct SessionView {
  AgentId agent;
  std::uint64_t epoch = 0;

  // What its receiver has asked for, and holds.
  bool receives = false;
  std::uint64_t credit_until = 0;
  std::uint64_t credit_bytes = 0;
  std::uint64_t last_delivery = 0;
  std::uint64_t held_bytes = 0;
  std::map<std::uint64_t, std::pair<EnvelopeId, std::uint64_t>> held;  ///< Octets, by number.
};

/// An attach that is not answered.
struct Attaching {
  SessionId session = 0;
  std::string name;
  SessionView view;
};

/// A connection as the auditor sees it.
struct PeerView {
  bool hostile = false;
  std::map<std::uint64_t, Attaching> attaching;
  std::map<SessionId, SessionView> sessions;
  std::uint64_t presence_version = 0;
};

class Auditor {
 public:
  Auditor(const Plan& plan, Counts& counts);

  /// What was violated first; empty while every promise holds.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  void violated(std::string what);

  // --- What applications do and see.
  [[nodiscard]] Tag posted(std::size_t sender, std::size_t to, Stream stream,
                           const std::string& key = {});
  void accepted(Tag tag, const EnvelopeId& id);
  void refused(Tag tag, const Error& error);
  /// The client died: it will never hear about its open posts.
  void abandoned(Tag tag);
  /// The application could not do it, and said so.
  void given_back(Stream stream, const ChannelId& channel, Position position);
  void delivered(std::size_t agent, Stream stream, const Delivered& delivery);
  void acknowledged(const ChannelId& channel, Position position);
  /// The hub has answered a registration with this.
  void registered(std::size_t agent, const Responded& answer);

  // --- What the disk does.
  /// It has damaged the block with these records.
  void rotted(const Gap& block) { ledger_.rot(block); }
  /// The operating system has the blocks of a commit; only a power cut takes them now.
  void written(std::span<const SharedBlock> blocks);
  void power_cut() { power_was_cut_ = true; }
  void durable(std::span<const SharedBlock> blocks);
  /// A commit failed in the journal; only the next start can tell whether it is there.
  void unknown(Sequence last) { unknown_last_ = last; }
  /// A start has replayed `blocks` and made `state` of them.
  void recovered(Sequence last, std::span<const SharedBlock> blocks, const State& state);
  void booted();

  // --- What the hub does.
  void hub_received(PeerView& peer, Bytes body);
  void hub_sent(PeerView& peer, Bytes body);
  void hub_state(const State& state);
  /// All that it had to say in one turn is said.
  void hub_turn_over();
  /// In order: everything that it knew is on disk.
  void hub_stopped();
  /// The hub says that it has no room for a notice of so many envelopes.
  void notice_dropped(const std::string& detail);
  /// It reads this from the wall clock.
  void hub_clock(std::uint64_t wall_ns) { wall_ns_max_ = std::max(wall_ns_max_, wall_ns); }
  /// A segment that was retained is left out, because the disk is low: with it, at most all mail
  /// that is stored by now.
  void retention_gave_way();
  /// Mail that has to be on disk whatever has become of it, the newest first.
  [[nodiscard]] std::vector<EnvelopeId> retained() const;

  /// After healing: everything accepted has been delivered and settled.
  void finish();
  /// Everything posted is answered, and all durable mail is settled.
  [[nodiscard]] bool at_rest() const;
  [[nodiscard]] std::string unrest() const;
  /// Envelopes in all mailboxes.
  [[nodiscard]] std::uint64_t waiting() const;

  [[nodiscard]] const Ledger& ledger() const { return ledger_; }

 private:
  enum class Fate : std::uint8_t { kOpen, kAccepted, kRefused, kUnknown };
  struct Post {
    std::size_t sender = 0;
    std::size_t to = 0;
    Stream stream = 0;
    std::string key;  ///< Idempotency key; empty: none.
    Fate fate = Fate::kOpen;
    bool stored = false;
    bool lost = false;     ///< Accepted into a written mailbox, and gone with the power.
    bool repeats = false;  ///< Another post with its key stands for it.
    ProducerId producer;   ///< And its number: once they have come to a hub.
    std::uint64_t number = 0;
    std::uint64_t arrived_in = 0;    ///< The hub process that it came to last, from 1.
    std::uint64_t arrived_turn = 0;  ///< Its turns before it came there.
    std::uint64_t passed_in = 0;  ///< The hub process that passed it on last, from 1; 0: none has.
  };

  /// An envelope that was handed to a receiver, and is stored nowhere.
  struct PassedOn {
    EnvelopeId id;
    ChannelId channel;
    AgentId sender;
    Tag tag = 0;  ///< 0: no application's.
    std::uint64_t hash = 0;
    bool shown = false;
  };

  /// What the hub has said of a number whose envelope is not stored.
  struct ToldNumber {
    ProducerId producer;
    std::uint64_t number = 0;
    EnvelopeId id;
  };

  /// An envelope of a written mailbox that is not durable yet.
  struct Unsynced {
    ChannelId channel;
    Position position;
    std::optional<Tag> tag;
    std::uint64_t hash = 0;
    ProducerId producer;
    std::uint64_t number = 0;
    bool shown = false;
    bool acknowledged = false;
    bool told = false;  ///< Its sender heard of it.
  };

  /// What the hub says of a notice is of one that is not to be stored.
  [[nodiscard]] bool goes_to_memory(const std::string& detail) const;
  void note_unsynced(const RecordView& record);
  [[nodiscard]] bool is_written(const ChannelId& channel) const;
  /// Also when it is lost by now: what was said of it is still on its way.
  [[nodiscard]] Unsynced* find_unsynced(const EnvelopeId& id);
  void check_end(Sequence last);
  void forget_unsynced(Sequence last);
  void settle_unsynced(const ChannelId& channel, Position position, Stored& stored);
  void check_accepted_number(const ProducerId& producer, std::uint64_t number,
                             const EnvelopeId& id);
  void take_blocks(std::span<const SharedBlock> blocks);
  [[nodiscard]] bool may_be_passed(const Stored& mail) const;
  [[nodiscard]] bool is_retained(const KeptMail& mail, std::uint64_t later,
                                 std::uint64_t later_bytes) const;
  void check_order(std::size_t agent, Box& box, std::uint64_t position);
  void check_settled(const ChannelId& channel, const Stored& stored, const std::string& name);
  void check_fresh(const ChannelId& channel, Position position);
  void check_state(const State& state);
  void check_series(const State& state);
  void check_letters(const State& state);
  void check_accept(const PeerView& peer, const Accept& accept);
  void check_notify(PeerView& peer, const NotifyView& notify);
  static void note_attach(PeerView& peer, const Attach& attach);
  void note_send(const SessionView& session, const SendView& send);
  static void note_receipt(SessionView& session, const Receipt& receipt);
  void check_credit(PeerView& peer, const NotifyView& notify);
  void check_refusal(const PeerView& peer, const ErrorFrame& error);
  void check_skip(const Skip& skip);
  void check_saved(const Post& stored);
  void check_passed_notify(const PeerView& peer, const NotifyView& notify);
  void check_passed_notice(const EnvelopeView& notice);
  void check_passed(const PassedOn& mail);
  void check_passed_post(const PassedOn& mail);
  void check_told_number(const ToldNumber& told);
  void accepted_unstored(Tag tag, const EnvelopeId& id);
  void delivered_unstored(std::size_t agent, Stream stream, const Delivered& delivery);
  void check_response(PeerView& peer, const Response& response);
  void check_pong(const PeerView& peer, const Pong& pong);
  void check_presence(PeerView& peer, const Presence& presence);
  [[nodiscard]] AgentId id_of(std::size_t agent) const;

  const Plan& plan_;
  Counts& counts_;
  std::string violation_;
  Ledger ledger_;
  std::vector<Post> posts_;  // Tag 1 first.
  std::size_t open_posts_ = 0;
  std::map<std::pair<Stream, std::size_t>, Tag> last_stored_;  // By stream and receiver.
  std::map<Stream, std::set<std::pair<ChannelId, Position>>> shown_;
  Sequence recovered_up_to_;                             // The last record that this boot found.
  std::set<std::pair<ChannelId, std::uint64_t>> sent_;   // Positions sent in this boot.
  std::set<std::pair<ProducerId, std::uint64_t>> told_;  // Numbers accepted on the wire.
  std::optional<Sequence> unknown_last_;
  std::map<EnvelopeId, Unsynced> unsynced_;
  std::map<EnvelopeId, Unsynced> lost_;
  std::set<Sequence> written_ends_;    // Of commits that are not durable yet.
  EnvelopeId told_id_;                 // The latest that anybody has heard of.
  bool power_was_cut_ = false;         // Since the last start.
  std::uint64_t notices_dropped_ = 0;  ///< Deaths that this boot could not tell of.
  std::uint64_t wall_ns_max_ = 0;      // Latest that the hub has read.
  EnvelopeId gave_way_until_;          // Mail up to here need not be retained any more.

  // Mail that is stored nowhere.
  std::uint64_t boot_ = 0;  // Counts hub processes.
  std::map<EnvelopeId, PassedOn> passed_;
  std::map<std::pair<ProducerId, std::uint64_t>, Tag> numbers_;  // As they came to a hub.
  std::set<std::pair<ProducerId, std::uint64_t>> given_up_;      // Asked to be skipped.
  std::set<std::pair<ProducerId, std::uint64_t>> passed_numbers_;
  std::set<std::pair<ProducerId, std::uint64_t>> passed_in_boot_;
  /// Those that are not on disk, and the turn that passed them on.
  std::map<std::pair<ProducerId, std::uint64_t>, std::uint64_t> unsaved_;
  std::map<ProducerId, std::uint64_t> new_epochs_;             // Whose first number is one of them.
  std::uint64_t turn_ = 0;                                     // Of this boot.
  std::map<std::pair<Stream, std::size_t>, Tag> last_passed_;  // By stream and receiver.
  std::map<std::pair<Stream, std::size_t>, Tag> last_passed_in_boot_;  // The same.
  std::map<Stream, EnvelopeId> last_unstored_shown_;
  std::set<EnvelopeId> announced_;  // Of whose fate a notice that is stored nowhere has told.
  EnvelopeId passed_id_;            // The latest.
  EnvelopeId earlier_id_;           // No process before this one has given out a later one.
  std::uint64_t passed_count_ = 0;  // In this boot.
  // Of one turn: what it says to several peers leaves peer by peer, and not in its own order.
  std::vector<PassedOn> turn_passed_;
  std::vector<ToldNumber> turn_told_;
};

}  // namespace capstan::sim
