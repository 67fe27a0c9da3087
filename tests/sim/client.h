// An application with the real client engine: it posts, receives, dies and comes back.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "capstan/client/engine.h"
#include "network.h"

namespace capstan::sim {

/// How an application acknowledges.
enum class Receipts : std::uint8_t { kAtOnce, kLateUpTo, kSinglyAnyOrder, kNever };

class Client final : public Endpoint {
 public:
  /// `receives`: opens a receiving session for each agent of the key, and posts on them, too.
  Client(Common common, Network& network, const KeyPlan& key, bool receives, std::uint64_t seed);

  void start();
  /// The process dies. Comes back later as a new life, which may post again what was unanswered.
  void crash();
  /// No more posts, no more whims: receive and acknowledge everything.
  void calm();
  /// A client that nobody needs in the healed world.
  void leave();

  /// For the trace.
  [[nodiscard]] std::string describe() const;

  void link_up() override;
  void link_body(const ByteBuffer& body) override;
  void link_down() override;

 private:
  struct Held {
    std::uint64_t delivery = 0;
    ChannelId channel;
    Position position;
  };
  struct Work {
    SessionId id = 0;
    std::size_t agent = 0;
    Stream stream = 0;
    bool receives = false;
    Receipts receipts = Receipts::kAtOnce;
    std::deque<Tag> tags;  ///< Numbers from `first_tag` on.
    std::uint64_t next_number = 1;
    std::set<std::uint64_t> refused;        ///< Numbers that the hub refused at least once.
    std::set<std::uint64_t> not_delivered;  ///< Those of them whose receiver was not there.
    std::vector<Held> held;                 ///< Shown, not acknowledged.
    bool receipt_due = false;
    bool over = false;
  };

  void open_session(std::size_t agent, bool receives);
  void connect();
  void reconnect_later();
  void end_life(std::uint64_t back_after_ns);
  void pump();
  void plan_wake();
  void plan_post();
  void post(Work& work, std::size_t count);
  [[nodiscard]] Wishes make_wishes(std::size_t agent);
  void post_again(Work& work);
  void register_somebody();
  void plan_receipt(Work& work);
  void give_receipts(Work& work);
  void note_refusals(const ByteBuffer& body);
  [[nodiscard]] Work* find(SessionId session);
  /// Its agent is removed now and then.
  [[nodiscard]] bool leaves() const { return common_.plan.leaves(key_); }

  void on(const Attached& attached);
  void on(const SessionEnded& ended);
  void on(const Delivered& delivered);
  void on(const Accepted& accepted);
  void on(const Refused& refused);
  void on(const Responded& answer);
  void on(const MustReconnect& must);
  void on(const ConnectionEnded& ended);
  template <typename Other>
  void on(const Other&) {}

  Common common_;
  Network& network_;
  const KeyPlan& key_;
  const bool receives_;
  Random random_;
  Backoff backoff_{20 * kNsPerMs, kNsPerSecond};
  std::unique_ptr<ClientEngine> engine_;
  WirePtr wire_;
  std::vector<std::unique_ptr<Work>> works_;
  std::map<std::uint64_t, std::size_t> registrations_;  // Agents, by request id.
  std::size_t unanswered_ = 0;                          // Posts of the last life.
  std::uint64_t life_ = 0;
  std::uint64_t wake_ns_ = 0;
  bool connected_before_ = false;
  bool reconnecting_ = false;
  bool ended_ = true;
  bool calm_ = false;
  bool left_ = false;
};

}  // namespace capstan::sim
