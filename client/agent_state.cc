#include "agent_state.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "capstan/codec/limits.h"

namespace capstan {
namespace {

constexpr std::size_t kChannelOffset = 30;  // envelope.h: the head
// More than the numbers that may be open at once: what is still unsettled is not yet forgotten.
constexpr std::size_t kRefusalRunsMax = 2 * kSendWindowEnvelopesMax;
// Above the largest envelope of a hub with every option, far below what a batch's offsets hold.
constexpr std::size_t kStagedBytesMax = 1U << 30;

// No callback waits for callbacks: two that close each other's agents would wait for ever.
thread_local bool is_callback_thread = false;

/// Whoever holds a delivery holds its owner: a few envelopes must not hold a body part full of
/// other sessions' mail.
bool is_mostly(const LinkBody& body, std::span<const Delivered> deliveries) {
  std::size_t bytes = 0;
  for (const Delivered& delivered : deliveries) bytes += delivered.envelope.size();
  return bytes >= body.bytes.size() / 2;
}

void own_bytes(Delivery& delivery) {
  const auto copy =
      std::make_shared<const ByteBuffer>(delivery.bytes.begin(), delivery.bytes.end());
  delivery.bytes = *copy;
  delivery.owner = copy;
}

}  // namespace

Result<std::string> Delivery::text() const {
  const auto view = parse_envelope(bytes);
  if (!view) return {ErrorCode::kMalformedFrame, "the delivery is no envelope"};
  return decode_text_event(view->event_data());
}

AgentState::AgentState(AgentOptions options, OutboxLimits limits, std::shared_ptr<WorkQueue> queue)
    : options_(std::move(options)), limits_(limits), queue_(std::move(queue)) {}

/// The callback thread holds its agent, so it has nothing left to do; it may be here itself.
AgentState::~AgentState() {
  if (!callbacks_.joinable()) return;
  if (callbacks_.get_id() == std::this_thread::get_id()) {
    callbacks_.detach();
  } else {
    callbacks_.join();
  }
}

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
  const std::lock_guard lock(join_mutex_);
  callbacks_ = std::thread([self = shared_from_this()] { self->run_callbacks(); });
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

template <typename Append>
Result<std::uint64_t> AgentState::stage(Append append_envelope) {
  Lock lock(mutex_);
  if (!has_room() || why_closed()) {
    if (Status room = wait_for_room(lock); !room.ok()) return room.error();
  }
  const std::size_t begin = staged_.bytes.size();
  append_envelope();
  const std::size_t bytes = staged_.bytes.size() - begin;
  if (bytes < kEnvelopeHeadBytes || bytes + kFrameOverheadMax > kBatchBytesMax) {
    staged_.bytes.resize(begin);
    if (!staged_.names.empty() && staged_.names.back().first == staged_.ends.size()) {
      staged_.names.pop_back();
    }
    if (bytes < kEnvelopeHeadBytes) {
      return {ErrorCode::kMalformedFrame, "shorter than the head of an envelope"};
    }
    return {ErrorCode::kTooLarge, "an envelope of " + std::to_string(bytes) + " bytes"};
  }
  staged_.ends.push_back(static_cast<std::uint32_t>(staged_.bytes.size()));
  ++unsettled_envelopes_;
  unsettled_bytes_ += bytes;
  const std::uint64_t number = ++last_number_;
  announce(lock);
  return number;
}

bool AgentState::has_room() const {
  // A callback that falls behind holds back who sends; only callbacks may wait for nobody.
  if (notices_.size() >= limits_.envelopes && !is_callback_thread) return false;
  // One envelope always fits, so that a bound below its size does not block for ever.
  return unsettled_envelopes_ == 0 ||
         (unsettled_envelopes_ < limits_.envelopes && unsettled_bytes_ < limits_.bytes &&
          staged_.bytes.size() < kStagedBytesMax);
}

Status AgentState::wait_for_room(Lock& lock) {
  if (!wait(lock, options_.send_timeout_ms, [&] { return why_closed() || has_room(); })) {
    return out_of_time("the outbox of " + options_.name + " is full");
  }
  const auto closed = why_closed();
  return closed ? Status(*closed) : Status();
}

std::optional<Error> AgentState::why_closed() const {
  if (end_) return end_;
  return stop_ ? std::optional<Error>(stop_->error) : std::nullopt;
}

Result<std::uint64_t> AgentState::send(std::string_view name, const Envelope& envelope) {
  return stage([&] {
    const std::string key(name);
    const auto known = mailboxes_.find(key);
    const std::size_t begin = staged_.bytes.size();
    encode_envelope(envelope, staged_.bytes);
    if (known == mailboxes_.end()) {
      staged_.names.emplace_back(static_cast<std::uint32_t>(staged_.ends.size()), key);
      return;
    }
    std::copy(known->second.bytes.begin(), known->second.bytes.end(),
              staged_.bytes.data() + begin + kChannelOffset);
  });
}

Result<std::uint64_t> AgentState::send(const ChannelId& channel, const Envelope& envelope) {
  return stage([&] {
    const std::size_t begin = staged_.bytes.size();
    encode_envelope(envelope, staged_.bytes);
    std::copy(channel.bytes.begin(), channel.bytes.end(),
              staged_.bytes.data() + begin + kChannelOffset);
  });
}

Result<std::uint64_t> AgentState::send_text(std::string_view name, std::string_view text) {
  Envelope envelope;
  envelope.event_data = encode_text_event(text);
  return send(name, envelope);
}

Result<std::uint64_t> AgentState::send_encoded(const ChannelId& channel, Bytes envelope) {
  return stage([&] {
    const std::size_t begin = staged_.bytes.size();
    append(staged_.bytes, envelope);
    if (envelope.size() < kEnvelopeHeadBytes) return;  // refused by stage()
    std::copy(channel.bytes.begin(), channel.bytes.end(),
              staged_.bytes.data() + begin + kChannelOffset);
  });
}

Status AgentState::wait_accepted(std::uint64_t number, int timeout_ms) {
  Lock lock(mutex_);
  if (number == 0 || number > last_number_) {
    return {ErrorCode::kInvalidArgument, "no envelope has this number"};
  }
  const auto stopped = [&] { return end_ || (stop_ && number > stop_->number); };
  if (!wait(lock, timeout_ms, [&] { return stopped() || settled_.contains(number); })) {
    return out_of_time("not accepted in time");
  }
  if (const auto refusal = refusal_of(number)) return *refusal;
  return settled_.contains(number) ? Status() : Status(*why_closed());
}

/// Many envelopes that are refused have one reason.
void AgentState::keep_refusal(const Refused& refused) {
  const Error& error = refused.error;
  const auto after = refusals_.upper_bound(refused.number);
  if (after != refusals_.begin()) {
    RefusalRun& run = std::prev(after)->second;
    if (run.last + 1 == refused.number && run.error.code == error.code &&
        run.error.context == error.context) {
      run.last = refused.number;
      return;
    }
  }
  if (refusals_.size() == kRefusalRunsMax) {
    forgotten_up_to_ = std::max(forgotten_up_to_, refusals_.begin()->second.last);
    refusals_.erase(refusals_.begin());
  }
  refusals_.emplace(refused.number, RefusalRun{refused.number, error});
}

std::optional<Error> AgentState::refusal_of(std::uint64_t number) const {
  const auto after = refusals_.upper_bound(number);
  if (after != refusals_.begin() && std::prev(after)->second.last >= number) {
    return std::prev(after)->second.error;
  }
  if (number > forgotten_up_to_) return std::nullopt;
  return Error{ErrorCode::kOutcomeUnknown, "settled so long ago that it is not known how"};
}

std::uint64_t AgentState::accepted_count() const {
  const std::lock_guard lock(mutex_);
  return accepted_count_;
}

// ---- Receiving

bool AgentState::has_delivery() const {
  return next_handed_ < handing_.size() || !arriving_.empty();
}

void AgentState::take_arriving() {
  if (next_handed_ < handing_.size()) return;
  handing_ = std::exchange(arriving_, {});
  next_handed_ = 0;
}

Delivery AgentState::next_delivery() {
  take_arriving();
  return std::move(handing_[next_handed_++]);
}

Result<std::optional<Delivery>> AgentState::receive(int timeout_ms) {
  Lock lock(mutex_);
  if (!wait(lock, timeout_ms, [&] { return end_ || has_delivery(); })) {
    return std::optional<Delivery>();
  }
  if (has_delivery()) return std::optional<Delivery>(next_delivery());
  return *end_;
}

Result<std::vector<Delivery>> AgentState::receive_batch(std::size_t max, int timeout_ms) {
  Lock lock(mutex_);
  std::vector<Delivery> batch;
  if (!wait(lock, timeout_ms, [&] { return end_ || has_delivery(); })) return batch;
  if (!has_delivery()) return *end_;
  take_arriving();
  if (next_handed_ == 0 && handing_.size() <= max) return std::exchange(handing_, {});
  batch.reserve(std::min(max, handing_.size() - next_handed_ + arriving_.size()));
  while (batch.size() < max && has_delivery()) batch.push_back(next_delivery());
  return batch;
}

void AgentState::acknowledge(std::uint64_t number) { stage_acknowledged(number, number); }

void AgentState::acknowledge_up_to(std::uint64_t number) { stage_acknowledged(1, number); }

void AgentState::stage_acknowledged(std::uint64_t first, std::uint64_t last) {
  Lock lock(mutex_);
  if (end_) return;
  if (!acknowledged_.empty() && first <= acknowledged_.back().second + 1 &&
      first >= acknowledged_.back().first) {
    acknowledged_.back().second = std::max(acknowledged_.back().second, last);
  } else {
    acknowledged_.emplace_back(first, last);
  }
  receipts_pending_ = true;
  announce(lock);
}

void AgentState::nack(std::uint64_t number, std::uint32_t delay_ms, std::string_view reason) {
  Lock lock(mutex_);
  if (end_) return;
  nacks_.push_back({number, delay_ms, std::string(reason)});
  receipts_pending_ = true;
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
  const auto drained = [&] {
    const std::uint64_t last = stop_ ? stop_->number : last_number_;
    return settled_.floor() >= last && !receipts_pending_;
  };
  if (!wait(lock, timeout_ms, [&] { return end_ || drained(); })) {
    return out_of_time(options_.name + " has unaccepted envelopes or unsent receipts");
  }
  if (drained() && settled_.floor() >= last_number_) return {};
  return *why_closed();
}

void AgentState::close() {
  ended({ErrorCode::kClosed, "the agent was closed"});
  queue_->post_closed(shared_from_this());
  join_callbacks();
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
  if (!staged_.empty()) announce(lock);  // nothing has been delivered yet
}

SessionId AgentState::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

AgentState::Work AgentState::take_work() {
  const std::lock_guard lock(mutex_);
  announced_ = false;
  Work work;
  const std::size_t usual = std::min<std::size_t>(staged_.bytes.size(), kBatchBytesTarget);
  work.batch = std::exchange(staged_, {});
  staged_.bytes.reserve(usual);
  staged_.ends.reserve(std::min<std::size_t>(work.batch.ends.size(), 1024));
  work.nacks = std::exchange(nacks_, {});
  work.acknowledged = std::exchange(acknowledged_, {});
  return work;
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
  const bool shares = is_mostly(body, deliveries);
  const std::lock_guard lock(mutex_);
  const bool first = arriving_.empty();
  if (first) arriving_.reserve(deliveries.size());
  for (const Delivered& delivered : deliveries) {
    Delivery& arrived = arriving_.emplace_back(Delivery{
        delivered.delivery, delivered.attempt, delivered.position, delivered.envelope, {}});
    if (shares) {
      arrived.owner = body.owner;
    } else {
      own_bytes(arrived);
    }
  }
  if (first) changed_.notify_all();
}

void AgentState::accepted(const Accepted& accepted) {
  const std::lock_guard lock(mutex_);
  settled_.add(accepted.first, accepted.first + accepted.count - 1,
               [](std::uint64_t, std::uint64_t) {});
  accepted_count_ += accepted.count;
  unsettled_envelopes_ -= static_cast<std::size_t>(accepted.count);
  unsettled_bytes_ -= static_cast<std::size_t>(accepted.bytes);
  if (options_.on_accepted && !closed_) {
    notice([this, accepted] {
      options_.on_accepted(accepted.first, accepted.count, accepted.first_id);
    });
  }
  changed_.notify_all();
}

void AgentState::refused(const Refused& refused) {
  const std::lock_guard lock(mutex_);
  (void)settled_.add(refused.number);
  --unsettled_envelopes_;
  unsettled_bytes_ -= static_cast<std::size_t>(refused.bytes);
  keep_refusal(refused);
  if (refused.error.code == ErrorCode::kNotFound) mailboxes_.clear();
  if (options_.refusal == RefusalPolicy::kStop && (!stop_ || refused.number < stop_->number)) {
    stop_ = Stop{refused.number, refused.error};
  }
  if (options_.on_refused && !closed_) {
    notice([this, refused] { options_.on_refused(refused.number, refused.error); });
  }
  changed_.notify_all();
}

void AgentState::resolved(const std::string& name, const ChannelId& channel) {
  const std::lock_guard lock(mutex_);
  mailboxes_[name] = channel;
}

void AgentState::receipts_sent() {
  const std::lock_guard lock(mutex_);
  if (!nacks_.empty() || !acknowledged_.empty()) return;
  receipts_pending_ = false;
  changed_.notify_all();
}

void AgentState::ended(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  end_ = error;
  if (options_.on_ended) notice([this, error] { options_.on_ended(error); });
  changed_.notify_all();
}

// ---- Callbacks

void AgentState::notice(Notice notice) { notices_.push_back(std::move(notice)); }

void AgentState::run_callbacks() {
  is_callback_thread = true;
  Lock lock(mutex_);
  while (true) {
    const auto deliverable = [&] { return options_.on_delivery && has_delivery(); };
    changed_.wait(lock, [&] { return closed_ || !notices_.empty() || deliverable(); });
    std::vector<Notice> notices = std::exchange(notices_, {});
    if (!notices.empty()) changed_.notify_all();  // there may be room to send again
    const bool over = closed_;
    lock.unlock();
    for (const Notice& call : notices) call();
    lock.lock();
    if (over && notices_.empty()) return;
    // However many notices come, each round has its delivery.
    if (closed_ || !deliverable()) continue;
    const Delivery delivery = next_delivery();
    lock.unlock();
    options_.on_delivery(*this, delivery);
    lock.lock();
  }
}

void AgentState::join_callbacks() {
  // A callback that closes goes on afterwards: whoever closes next waits for it.
  if (is_callback_thread) return;
  const std::lock_guard lock(join_mutex_);
  if (callbacks_.joinable()) callbacks_.join();
}

}  // namespace capstan
