#include "capstan/client/engine.h"

#include <algorithm>
#include <iterator>

#include "capstan/codec/compact.h"
#include "session.h"

namespace capstan {
namespace {

constexpr std::uint64_t kSilentHeartbeatsMax = 3;

}  // namespace

ClientEngine::ClientEngine(EngineOptions options, std::uint64_t seed)
    : options_(std::move(options)), random_(seed) {
  // An answer to an earlier life of this client must not be taken for one to this life.
  last_request_ = random_.next() >> 1;
}

ClientEngine::~ClientEngine() = default;

// ---- What the link reports

void ClientEngine::connected(Time now) {
  if (state_ == State::kEnded) return;
  state_ = State::kGreeting;
  ready_ = false;
  heard_ns_ = now.monotonic_ns;
  row_.clear();
  row_.write(Hello{kWireVersionMajor, kWireVersionMinor, {}, options_.client});
}

void ClientEngine::body(Time now, Bytes body) {
  if (state_ != State::kGreeting && state_ != State::kOpen) return;
  heard_ns_ = now.monotonic_ns;
  FrameRow row(body);
  while (const auto next = row.next()) {
    frame(now, *next);
    if (state_ != State::kGreeting && state_ != State::kOpen) return;
  }
  if (!row.well_formed()) drop({ErrorCode::kMalformedFrame, "the hub sent a broken body part"});
  if (why_left_) drop(Error(*why_left_));
}

void ClientEngine::disconnected(Time, const Error& error) {
  if (state_ == State::kEnded) return;
  // The link could not even begin: its endpoint is none, and will be none the next time.
  if (ends_connection(error.code) || error.code == ErrorCode::kInvalidArgument) {
    end(error);
  } else {
    lose(error);
  }
}

void ClientEngine::tick(Time now) {
  const std::uint64_t now_ns = now.monotonic_ns;
  const std::uint64_t heartbeat_ns = welcome_.heartbeat_ms * kNsPerMs;
  if (state_ == State::kGreeting && now_ns >= heard_ns_ + options_.welcome_timeout_ms * kNsPerMs) {
    drop({ErrorCode::kTimeout,
          "no welcome from the hub within " + std::to_string(options_.welcome_timeout_ms) + " ms"});
  }
  if (state_ != State::kOpen) return;
  if (heartbeat_ns > 0) {
    if (now_ns >= heard_ns_ + kSilentHeartbeatsMax * heartbeat_ns) {
      drop({ErrorCode::kUnavailable, "nothing heard from the hub during three heartbeats"});
      return;
    }
    if (now_ns >= ping_ns_) {
      row_.write(Ping{random_.next()});
      ping_ns_ = now_ns + heartbeat_ns;
    }
  }
  while (!timers_.empty() && timers_.begin()->first <= now_ns) {
    Session* session = find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    if (session == nullptr) continue;
    session->timer_ns.reset();
    touch(*session);
  }
  if (names_put_off_ == 0) return;
  for (auto& [name, entry] : names_) {
    if (entry.ask_at_ns && *entry.ask_at_ns <= now_ns) {
      entry.ask_at_ns.reset();
      --names_put_off_;
      ask_for(name);
    }
  }
}

// ---- What the application wants

SessionId ClientEngine::attach(SessionOptions options) {
  const SessionId id = ++last_session_;
  const std::optional<Error> refusal = why_ended_ ? why_ended_ : refusal_of_name(options.agent);
  if (refusal) {
    events_.push_back(SessionEnded{id, *refusal});
    return id;
  }
  auto session = std::make_unique<Session>(id, std::move(options), random_);
  Session& added = *session;
  sessions_.emplace(id, std::move(session));
  touch(added);
  return id;
}

void ClientEngine::detach(SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  say_goodbye(*found->second);
  forget(session);
}

void ClientEngine::forget(SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (found->second->timer_ns) timers_.erase({*found->second->timer_ns, session});
  attaches_.erase(found->second->attach_request);
  sessions_.erase(found);
  announce_ready();
}

/// The hub ends the session when it has heard what it acknowledged.
void ClientEngine::say_goodbye(Session& session) {
  if (state_ != State::kOpen || session.state == Session::State::kDetached) return;
  if (session.state == Session::State::kAttached && session.options.mode == AttachMode::kReceive) {
    session.receiving.write_receipts(session.id, row_);
  }
  row_.write(Bye{ErrorCode::kOk, {}, session.id});
}

void ClientEngine::send(SessionId id, PostBatch&& batch) {
  Session* session = find(id);
  if (session == nullptr) return;
  const bool names = !batch.names.empty();
  session->posting.enqueue(std::move(batch));
  if (names) resolve_names(*session);
  touch(*session);
}

void ClientEngine::acknowledge(SessionId id, std::uint64_t first, std::uint64_t last) {
  Session* session = find(id);
  if (session == nullptr) return;
  session->receiving.acknowledge(first, last);
  touch(*session);
}

void ClientEngine::nack(SessionId id, std::uint64_t delivery, std::uint32_t delay_ms,
                        std::string reason) {
  Session* session = find(id);
  if (session == nullptr) return;
  session->receiving.nack(delivery, delay_ms, std::move(reason));
  touch(*session);
}

void ClientEngine::working(SessionId id, std::uint64_t delivery) {
  Session* session = find(id);
  if (session == nullptr) return;
  session->receiving.working(delivery);
  touch(*session);
}

void ClientEngine::grant_credit(SessionId id, std::uint64_t deliveries) {
  Session* session = find(id);
  if (session == nullptr) return;
  session->receiving.grant(deliveries);
  touch(*session);
}

std::uint64_t ClientEngine::request(std::string operation, ByteBuffer params, Repeat repeat) {
  const std::uint64_t id = ++last_request_;
  if (why_ended_) {
    events_.push_back(Responded{id, why_ended_->code, why_ended_->context, {}});
    return id;
  }
  // libzmq would end the connection at a body part that is too large, each time anew.
  if (operation.size() + params.size() + kFrameOverheadMax > kControlFrameBytesMax) {
    const std::string bytes = std::to_string(params.size());
    events_.push_back(
        Responded{id, ErrorCode::kTooLarge, "a request with " + bytes + " bytes", {}});
    return id;
  }
  requests_.emplace(id, PendingRequest{std::move(operation), std::move(params), repeat, false, {}});
  requests_unsent_ = true;
  return id;
}

void ClientEngine::forget_request(std::uint64_t request_id) { requests_.erase(request_id); }

void ClientEngine::watch_presence(bool watch) {
  watches_presence_ = watch;
  subscription_unsent_ = true;
  // Whoever asks now has heard nothing.
  presence_boot_ = {};
  presence_version_ = 0;
}

void ClientEngine::bye() {
  if (state_ == State::kOpen || state_ == State::kGreeting) row_.write(Bye{});
}

// ---- What comes out

void ClientEngine::flush(Time now, Outputs& out) {
  if (state_ == State::kOpen) {
    // Attaches first: the hub reads in order, and a request may need the identity.
    for (const SessionId id : touched_) {
      if (Session* session = find(id)) write_session(now, *session);
    }
    touched_.clear();
    if (requests_unsent_) write_requests();
    if (subscription_unsent_) write_subscription();
  }
  row_.take(out.bodies);
  if (out.events.empty()) {
    out.events.swap(events_);
    return;
  }
  std::move(events_.begin(), events_.end(), std::back_inserter(out.events));
  events_.clear();
}

std::optional<std::uint64_t> ClientEngine::wake_at() const {
  if (state_ == State::kGreeting) return heard_ns_ + options_.welcome_timeout_ms * kNsPerMs;
  if (state_ != State::kOpen) return std::nullopt;
  std::optional<std::uint64_t> at;
  const auto also = [&](std::uint64_t ns) { at = at ? std::min(*at, ns) : ns; };
  if (welcome_.heartbeat_ms > 0) {
    also(ping_ns_);
    also(heard_ns_ + kSilentHeartbeatsMax * welcome_.heartbeat_ms * kNsPerMs);
  }
  if (!timers_.empty()) also(timers_.begin()->first);
  if (names_put_off_ > 0) {
    for (const auto& [name, entry] : names_) {
      if (entry.ask_at_ns) also(*entry.ask_at_ns);
    }
  }
  return at;
}

void ClientEngine::write_session(Time now, Session& session) {
  session.touched = false;
  if (session.state == Session::State::kDetached && now.monotonic_ns >= session.attach_due_ns) {
    write_attach(session);
  }
  if (session.state == Session::State::kAttached) {
    session.posting.write(now, row_, events_);
    if (session.options.mode == AttachMode::kReceive) {
      session.receiving.write_receipts(session.id, row_);
    }
  }
  set_timer(now, session);
}

void ClientEngine::write_attach(Session& session) {
  session.state = Session::State::kAttaching;
  session.attach_request = ++last_request_;
  attaches_.emplace(session.attach_request, session.id);
  session.receiving.begin();
  const bool receives = session.options.mode == AttachMode::kReceive;
  Attach attach;
  attach.request_id = session.attach_request;
  attach.session = session.id;
  attach.agent = session.options.agent;
  attach.mode = session.options.mode;
  attach.since = Since{Since::Kind::kAll, {}};
  attach.credit_until = receives ? session.receiving.credit_until() : 0;
  attach.credit_bytes = receives ? session.options.credit_bytes : 0;
  attach.epoch = session.posting.epoch();
  attach.first_number = session.posting.first_wire_number();
  row_.write(attach);
}

void ClientEngine::write_requests() {
  requests_unsent_ = false;
  for (auto& [id, request] : requests_) {
    if (request.sent) continue;
    request.sent = true;
    row_.write(Request{id, request.operation, request.params}, request.params.size());
  }
}

void ClientEngine::write_subscription() {
  subscription_unsent_ = false;
  const std::uint64_t request_id = ++last_request_;
  if (watches_presence_) {
    row_.write(
        Subscribe{request_id, std::string(kPresenceTopic), presence_boot_, presence_version_});
  } else {
    row_.write(Unsubscribe{request_id, std::string(kPresenceTopic)});
  }
}

void ClientEngine::set_timer(Time now, Session& session) {
  std::optional<std::uint64_t> due = session.posting.due(now);
  if (session.state == Session::State::kDetached) due = session.attach_due_ns;
  if (due == session.timer_ns) return;
  if (session.timer_ns) timers_.erase({*session.timer_ns, session.id});
  if (due) timers_.emplace(*due, session.id);
  session.timer_ns = due;
}

// ---- The connection's end

void ClientEngine::lose(const Error& error) {
  state_ = State::kDown;
  ready_ = false;
  why_left_.reset();
  row_.clear();
  attaches_.clear();
  timers_.clear();
  subscription_unsent_ = watches_presence_;
  for (auto& [id, session] : sessions_) {
    session->state = Session::State::kDetached;
    session->attach_due_ns = 0;
    session->timer_ns.reset();
    session->posting.pause();
  }
  for (auto it = requests_.begin(); it != requests_.end();) {
    PendingRequest& request = it->second;
    if (request.sent && request.repeat == Repeat::kNo) {
      events_.push_back(Responded{it->first,
                                  ErrorCode::kOutcomeUnknown,
                                  "the connection was lost before the answer: " + error.text(),
                                  {}});
      it = requests_.erase(it);
      continue;
    }
    request.sent = false;
    requests_unsent_ = true;
    ++it;
  }
}

void ClientEngine::drop(Error error) {
  lose(error);
  events_.push_back(MustReconnect{std::move(error)});
}

void ClientEngine::end(const Error& error) {
  lose(error);
  state_ = State::kEnded;
  why_ended_ = error;
  for (const auto& [id, session] : sessions_) events_.push_back(SessionEnded{id, error});
  sessions_.clear();
  for (const auto& [id, request] : requests_) {
    if (request.resolves.empty()) {
      events_.push_back(Responded{id, error.code, error.context, {}});
    }
  }
  requests_.clear();
  events_.push_back(ConnectionEnded{error});
}

ClientEngine::Session* ClientEngine::find(SessionId session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void ClientEngine::touch(Session& session) {
  if (session.touched) return;
  session.touched = true;
  touched_.push_back(session.id);
}

}  // namespace capstan
