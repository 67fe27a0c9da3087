// One connection to a hub with many agent sessions, as a function of its inputs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/clock.h"
#include "capstan/base/error.h"
#include "capstan/base/random.h"
#include "capstan/client/backoff.h"
#include "capstan/client/body_row.h"
#include "capstan/client/events.h"
#include "capstan/codec/frame.h"

namespace capstan {

struct EngineOptions {
  std::string client = "capstan-client/1";   ///< Named in the hub's log.
  std::uint32_t welcome_timeout_ms = 5'000;  ///< From link up to welcome.
};

/// May a request be repeated when its answer was lost with the connection, or the hub was stopping?
enum class Repeat : std::uint8_t {
  kNo,   ///< The caller is told kOutcomeUnknown.
  kYes,  ///< Sent again after the reconnect.
};

/// The client's half of the protocol: hello, attach, posting with retries, receiving with
/// deduplication and credit, requests, heartbeat.
///
/// Use: give it inputs; then flush() once, send the bodies in order and handle the events, before
///      the bytes of the last body() go away; call tick() when wake_at() has come.
/// Place: no clock, socket, thread or lock; the same seed and inputs give the same outputs. Belongs
///      to one thread.
/// Source: PROTOCOL.md §5, §6.
class ClientEngine {
 public:
  ClientEngine(EngineOptions options, std::uint64_t seed);
  ~ClientEngine();
  ClientEngine(const ClientEngine&) = delete;
  ClientEngine& operator=(const ClientEngine&) = delete;

  // What the link reports.
  void connected(Time now);
  void body(Time now, Bytes body);
  /// Unaccepted envelopes stay and are sent again. kRefusedHandshake, and kInvalidArgument (the
  /// endpoint cannot be used), end the connection for good.
  void disconnected(Time now, const Error& error);
  void tick(Time now);

  // What the application wants. Commands for a session that has ended do nothing.
  /// Where the connection has ended, or no agent has such a name, a SessionEnded follows.
  [[nodiscard]] SessionId attach(SessionOptions options);
  /// Says goodbye for this session alone and forgets it, without an event.
  void detach(SessionId session);
  void send(SessionId session, PostBatch&& batch);
  /// Deliveries first … last, both included; what was never shown is left out.
  void acknowledge(SessionId session, std::uint64_t first, std::uint64_t last);
  /// A delivery has failed: the hub sends it again after `delay_ms`, 0: as it thinks fit.
  void nack(SessionId session, std::uint64_t delivery, std::uint32_t delay_ms, std::string reason);
  void working(SessionId session, std::uint64_t delivery);
  /// Allows `deliveries` more, where the session has a deliveries_max.
  void grant_credit(SessionId session, std::uint64_t deliveries);
  /// Answered by a Responded with the id that is returned; kTooLarge: no hub takes it, it stays
  /// here.
  [[nodiscard]] std::uint64_t request(std::string operation, ByteBuffer params, Repeat repeat);
  /// The answer is no longer wanted.
  void forget_request(std::uint64_t request_id);
  /// Hears who comes and goes from now on, over reconnects; or no longer.
  void watch_presence(bool watch);
  /// Says goodbye; the link may be dropped once the bodies are out. flush() first: the hub drops
  /// what follows a goodbye.
  void bye();

  /// Writes everything that may be written now and appends it, with the events, to `out`.
  void flush(Time now, Outputs& out);

  /// Monotonic ns at which tick() and flush() are due; empty: only after the next input.
  [[nodiscard]] std::optional<std::uint64_t> wake_at() const;

 private:
  enum class State : std::uint8_t { kDown, kGreeting, kOpen, kEnded };
  struct Session;
  struct PendingRequest {
    std::string operation;
    ByteBuffer params;
    Repeat repeat = Repeat::kNo;
    bool sent = false;
    std::string resolves;  ///< Not empty: our own question for the agent of this name.
  };
  struct Name {
    std::optional<ChannelId> channel;
    std::optional<std::uint64_t> ask_at_ns;  ///< The last answer was "later".
    Backoff backoff{50 * kNsPerMs, 2 * kNsPerSecond};
  };

  void frame(Time now, Bytes frame);
  void control(Time now, Bytes frame);
  void on(Time now, const Welcome& welcome);
  void on(Time now, const ErrorFrame& error);
  void on(Time now, const Pong& pong);
  void on(Time now, const Response& response);
  void on(Time now, const Bye& bye);
  void on(Time now, const Presence& presence);
  template <typename Unexpected>
  void on(Time now, const Unexpected& frame);  // a client's frame, sent by a hub: dropped
  void accept(Time now, Bytes frame);
  void notify(Bytes frame);

  void attach_answered(Time now, Session& session, const Response& response);
  void attach_refused(Time now, Session& session, Error error);
  void take_new_epoch(Session& session);
  void session_error(Time now, Session& session, Error error);
  void end_session(Session& session, Error error);
  void announce_ready();
  void name_answered(Time now, const std::string& name, const Response& response);
  void resolve_names(Session& session);
  void ask_for(const std::string& name);

  void write_session(Time now, Session& session);
  void write_attach(Session& session);
  void write_requests();
  void write_subscription();
  void set_timer(Time now, Session& session);
  void say_goodbye(Session& session);
  void forget(SessionId session);

  void lose(const Error& error);
  void drop(Error error);
  void end(const Error& error);
  [[nodiscard]] Session* find(SessionId session);
  void touch(Session& session);

  EngineOptions options_;
  Random random_;
  State state_ = State::kDown;
  std::optional<Error> why_ended_;  // kEnded
  std::optional<Error> why_left_;   // to drop the connection after this body part
  bool ready_ = false;
  Welcome welcome_;
  BodyRow row_;
  ClientEvents events_;

  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  SessionId last_session_ = 0;
  std::vector<SessionId> touched_;                         // to be written at the next flush
  std::set<std::pair<std::uint64_t, SessionId>> timers_;   // (monotonic ns, session)
  std::unordered_map<std::uint64_t, SessionId> attaches_;  // by request id
  std::map<std::uint64_t, PendingRequest> requests_;
  bool requests_unsent_ = false;
  std::uint64_t last_request_ = 0;
  std::unordered_map<std::string, Name> names_;
  std::size_t names_put_off_ = 0;  // with an ask_at_ns

  bool watches_presence_ = false;
  bool subscription_unsent_ = false;
  BootId presence_boot_;                // of the hub life whose
  std::uint64_t presence_version_ = 0;  // changes have been heard up to here

  std::uint64_t heard_ns_ = 0;  // the link came up, or the last frame came
  std::uint64_t ping_ns_ = 0;
};

}  // namespace capstan
