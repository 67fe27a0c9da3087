#include "agent_state.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace capstan {

Result<std::string> Delivery::text() const {
  const auto view = parse_envelope(bytes);
  if (!view) return {ErrorCode::kMalformedFrame, "the delivery is no envelope"};
  return decode_text_event(view->event_data());
}

AgentState::AgentState(AgentOptions options, OutboxLimits limits, std::shared_ptr<WorkQueue> queue)
    : options_(std::move(options)),
      notices_max_(std::max<std::size_t>(limits.envelopes, 1)),
      queue_(std::move(queue)),
      outbox_(limits, options_.refusal) {}

SessionOptions AgentState::session_options() const {
  SessionOptions session;
  session.agent = options_.name;
  session.mode = options_.mode;
  session.refusal = options_.refusal;
  session.wait_when_full = options_.wait_when_full;
  session.credit_envelopes = options_.credit_envelopes;
  session.credit_bytes = options_.credit_bytes;
  session.deliveries_max = options_.deliveries_max;
  return session;
}

void AgentState::start() {
  if (!options_.on_delivery && !options_.on_accepted && !options_.on_refused &&
      !options_.on_ended) {
    return;
  }
  callbacks_.start([self = shared_from_this()] { self->run_callbacks(); });
}

Status AgentState::wait_attached(int timeout_ms) {
  Lock lock(mutex_);
  if (!wait(lock, timeout_ms, [&] { return end_ || !agent_.is_zero(); })) {
    return delay_ ? *delay_
                  : Error{ErrorCode::kUnavailable,
                          "the hub has not answered the attach of " + options_.name};
  }
  return end_ ? Status(*end_) : Status();
}

/// Whoever waits for a session that the hub does not take is told why.
Error AgentState::out_of_time(std::string what) const {
  if (delay_) what += "; its session is not attached: " + delay_->text();
  return {ErrorCode::kTimeout, std::move(what)};
}

// ---- Posting

template <typename... What>
Result<std::uint64_t> AgentState::post(const What&... what) {
  Lock lock(mutex_);
  if (Status room = wait_for_room(lock); !room.ok()) return room.error();
  auto number = outbox_.stage(what...);
  if (number.ok()) announce(lock);
  return number;
}

/// A callback that falls behind holds back who sends; only a callback may not wait for itself.
bool AgentState::has_room() const {
  return outbox_.has_room() && (notices_.size() < notices_max_ || CallbackThread::is_here());
}

Status AgentState::wait_for_room(Lock& lock) {
  if (!wait(lock, options_.send_timeout_ms, [&] { return why_closed() || has_room(); })) {
    return out_of_time(outbox_.has_room() ? "the callbacks of " + options_.name + " are behind"
                                          : "the outbox of " + options_.name + " is full");
  }
  const auto closed = why_closed();
  return closed ? Status(*closed) : Status();
}

std::optional<Error> AgentState::why_closed() const { return end_ ? end_ : outbox_.why_stopped(); }

Result<std::uint64_t> AgentState::send(std::string_view name, const Envelope& envelope) {
  return post(name, envelope);
}

Result<std::uint64_t> AgentState::send(const ChannelId& channel, const Envelope& envelope) {
  return post(channel, envelope);
}

Result<std::uint64_t> AgentState::send_text(std::string_view name, std::string_view text) {
  Envelope envelope;
  envelope.event_data = encode_text_event(text);
  return send(name, envelope);
}

Result<std::uint64_t> AgentState::send_encoded(const ChannelId& channel, Bytes envelope) {
  return post(channel, envelope);
}

Status AgentState::wait_accepted(std::uint64_t number, int timeout_ms) {
  Lock lock(mutex_);
  if (number == 0 || number > outbox_.last_number()) {
    return {ErrorCode::kInvalidArgument, "no envelope has this number"};
  }
  const auto is_over = [&] {
    return end_ || outbox_.is_settled(number) || outbox_.is_behind_stop(number);
  };
  if (!wait(lock, timeout_ms, is_over)) return out_of_time("not accepted in time");
  if (const auto refusal = outbox_.refusal_of(number)) return *refusal;
  return outbox_.is_settled(number) ? Status() : Status(*why_closed());
}

std::uint64_t AgentState::accepted_count() const {
  const std::lock_guard lock(mutex_);
  return outbox_.accepted_count();
}

// ---- Receiving

Result<std::optional<Delivery>> AgentState::receive(int timeout_ms) {
  Lock lock(mutex_);
  if (!wait(lock, timeout_ms, [&] { return end_ || inbox_.has_delivery(); })) {
    return std::optional<Delivery>();
  }
  if (inbox_.has_delivery()) return std::optional<Delivery>(inbox_.next());
  return *end_;
}

Result<std::vector<Delivery>> AgentState::receive_batch(std::size_t max, int timeout_ms) {
  Lock lock(mutex_);
  if (!wait(lock, timeout_ms, [&] { return end_ || inbox_.has_delivery(); })) {
    return std::vector<Delivery>();
  }
  if (inbox_.has_delivery()) return inbox_.next(max);
  return *end_;
}

void AgentState::acknowledge(std::uint64_t number) {
  Lock lock(mutex_);
  if (end_) return;
  inbox_.acknowledge(number, number);
  announce(lock);
}

void AgentState::acknowledge_up_to(std::uint64_t number) {
  Lock lock(mutex_);
  if (end_) return;
  inbox_.acknowledge(1, number);
  announce(lock);
}

void AgentState::nack(std::uint64_t number, std::uint32_t delay_ms, std::string_view reason) {
  Lock lock(mutex_);
  if (end_) return;
  inbox_.nack({number, delay_ms, std::string(reason)});
  announce(lock);
}

void AgentState::working(std::uint64_t number) {
  queue_->post([self = shared_from_this(), number](ClientEngine& engine) {
    engine.working(self->session(), number);
  });
}

void AgentState::grant(std::uint64_t deliveries) {
  queue_->post([self = shared_from_this(), deliveries](ClientEngine& engine) {
    engine.grant_credit(self->session(), deliveries);
  });
}

// ---- Both

Status AgentState::drain(int timeout_ms) {
  Lock lock(mutex_);
  const auto is_drained = [&] { return outbox_.is_drained() && !inbox_.owes_receipts(); };
  if (!wait(lock, timeout_ms, [&] { return end_ || is_drained(); })) {
    return out_of_time(options_.name + " has unaccepted envelopes or unsent receipts");
  }
  if (is_drained() && outbox_.is_settled()) return {};
  return *why_closed();
}

void AgentState::close() {
  ended({ErrorCode::kClosed, "the agent was closed"});
  queue_->post_closed(shared_from_this());
  callbacks_.join();
}

AgentId AgentState::id() const {
  const std::lock_guard lock(mutex_);
  return agent_;
}

bool AgentState::wait(Lock& lock, int timeout_ms, const std::function<bool()>& done) {
  if (timeout_ms < 0) {
    changed_.wait(lock, done);
    return true;
  }
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), done);
}

void AgentState::announce(Lock& lock) {
  // Until the hub loop has bound the session there is nobody to take the work: bound() announces.
  if (announced_ || session_ == 0) return;
  announced_ = true;
  lock.unlock();
  queue_->post(shared_from_this());
}

// ---- The I/O thread

void AgentState::bound(SessionId session) {
  Lock lock(mutex_);
  session_ = session;
  if (outbox_.has_staged() || inbox_.owes_receipts()) announce(lock);
}

SessionId AgentState::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

AgentState::Work AgentState::take_work() {
  const std::lock_guard lock(mutex_);
  announced_ = false;
  return {outbox_.take_staged(), inbox_.take_receipts()};
}

void AgentState::attached(const AgentId& agent) {
  const std::lock_guard lock(mutex_);
  agent_ = agent;
  delay_.reset();
  changed_.notify_all();
}

void AgentState::delayed(const Error& error) {
  const std::lock_guard lock(mutex_);
  delay_ = error;
}

void AgentState::delivered(std::span<const Delivered> deliveries, const LinkBody& body) {
  const std::lock_guard lock(mutex_);
  if (inbox_.add(deliveries, body)) changed_.notify_all();
}

void AgentState::accepted(const Accepted& accepted) {
  const std::lock_guard lock(mutex_);
  outbox_.accepted(accepted);
  if (options_.on_accepted && !end_) {
    notices_.emplace_back([this, accepted] {
      options_.on_accepted(accepted.first, accepted.count, accepted.first_id);
    });
  }
  changed_.notify_all();
}

void AgentState::refused(const Refused& refused) {
  const std::lock_guard lock(mutex_);
  outbox_.refused(refused);
  if (options_.on_refused && !end_) {
    notices_.emplace_back([this, refused] { options_.on_refused(refused.number, refused.error); });
  }
  changed_.notify_all();
}

void AgentState::resolved(const std::string& name, const ChannelId& channel) {
  const std::lock_guard lock(mutex_);
  outbox_.resolved(name, channel);
}

void AgentState::receipts_sent() {
  const std::lock_guard lock(mutex_);
  if (inbox_.receipts_sent()) changed_.notify_all();
}

void AgentState::ended(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (end_) return;
  end_ = error;
  if (options_.on_ended) {
    notices_.emplace_back([this, error] { options_.on_ended(error); });
  }
  changed_.notify_all();
}

// ---- Callbacks

void AgentState::run_callbacks() {
  Lock lock(mutex_);
  while (true) {
    const auto deliverable = [&] { return options_.on_delivery && inbox_.has_delivery(); };
    changed_.wait(lock, [&] { return end_ || !notices_.empty() || deliverable(); });
    const std::vector<Notice> notices = std::exchange(notices_, {});
    if (!notices.empty()) changed_.notify_all();  // there may be room to send again
    const bool over = end_.has_value();
    lock.unlock();
    for (const Notice& call : notices) call();
    lock.lock();
    if (over && notices_.empty()) return;
    // However many notices come, each round has its delivery.
    if (end_ || !deliverable()) continue;
    const Delivery delivery = inbox_.next();
    lock.unlock();
    options_.on_delivery(*this, delivery);
    lock.lock();
  }
}

}  // namespace capstan
