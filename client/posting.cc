#include "posting.h"

#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"

namespace capstan {
namespace {

std::uint64_t random_epoch(Random& random) {
  std::uint64_t epoch = 0;
  while (epoch == 0) epoch = random.next();
  return epoch;
}

}  // namespace

Posting::Posting(SessionId session, const SessionOptions& options, Random& random)
    : session_(session),
      refusal_(options.refusal),
      wait_when_full_(options.wait_when_full),
      random_(random),
      epoch_(random_epoch(random)) {}

void Posting::enqueue(PostBatch&& batch) {
  if (batch.empty()) return;
  for (auto& [index, name] : batch.names) {
    unresolved_.emplace_hint(unresolved_.end(), next_enqueued_ + index, std::move(name));
  }
  const std::uint64_t count = batch.ends.size();
  // Small batches share a chunk: a session that posts one by one does not hold a chunk for each.
  if (!chunks_.empty() && chunks_.back().bytes.size() + batch.bytes.size() <= kChunkBytes) {
    Chunk& chunk = chunks_.back();
    const auto base = static_cast<std::uint32_t>(chunk.bytes.size());
    append(chunk.bytes, batch.bytes);
    for (const std::uint32_t end : batch.ends) chunk.ends.push_back(base + end);
    chunk.unsettled_bytes += batch.bytes.size();
  } else {
    const std::size_t bytes = batch.bytes.size();
    chunks_.push_back({next_enqueued_, std::move(batch.bytes), std::move(batch.ends), bytes});
  }
  next_enqueued_ += count;
}

void Posting::resolve(const std::string& name, const ChannelId& channel) {
  for (auto it = unresolved_.begin(); it != unresolved_.end();) {
    if (it->second != name) {
      ++it;
      continue;
    }
    const auto bytes = envelope(it->first);
    std::copy(channel.bytes.begin(), channel.bytes.end(), bytes.data() + kEnvelopeChannelOffset);
    it = unresolved_.erase(it);
  }
}

/// Until they are reported they take room in the outbox: a sender that goes on behind a number that
/// stays open, or before the session is attached, is held back as by any other mail.
void Posting::refuse_name(const std::string& name, const Error& error) {
  for (auto it = unresolved_.begin(); it != unresolved_.end();) {
    if (it->second != name) {
      ++it;
      continue;
    }
    misaddressed_.emplace(it->first, error);
    it = unresolved_.erase(it);
  }
}

void Posting::begin(const AgentId& sender, const SendWindow& window,
                    std::size_t envelope_bytes_max) {
  active_ = true;
  sender_ = sender;
  window_ = window;
  open_numbers_max_ = std::max<std::uint64_t>(window.envelopes, 1);
  envelope_bytes_max_ = envelope_bytes_max;
  next_unsent_ = first_number();
  unanswered_ = {};
  open_.clear();
  refused_.clear();
}

void Posting::change_epoch(ClientEvents& events) {
  const Error unknown{ErrorCode::kOutcomeUnknown,
                      "the hub has forgotten this client life: the envelope may be stored or not"};
  for (std::uint64_t n = settled_.next_missing(1); n <= ever_sent_; n = settled_.next_missing(n)) {
    const bool reported = skips_.erase(n) > 0 || n == stop_at_;
    const std::uint64_t bytes = release(n, n);
    if (!reported) {
      events.push_back(Refused{session_, n, unknown, bytes});
      if (refusal_ == RefusalPolicy::kStop) stop_at_ = std::min(stop_at_, ever_sent_ + 1);
    }
    (void)settled_.add(n);
  }
  free_settled(1, ever_sent_);
  epoch_ = random_epoch(random_);
  before_epoch_ = settled_.floor();
  next_unsent_ = first_number();
}

void Posting::accepted(Time now, Accept accept, ClientEvents& events) {
  window_ = accept.window;
  if (accept.count == 0 || accept.first_number == 0) return;
  if (accept.first_number >= wire_number(next_unsent_)) return;
  accept.first_number += before_epoch_;
  const std::uint64_t last =
      accept.first_number + std::min(accept.count, next_unsent_ - accept.first_number) - 1;
  settled_.add(accept.first_number, last, [&](std::uint64_t a, std::uint64_t b) {
    if (!refused_.empty()) close_retries(now, a, b);
    settle(a, b, accept, events);
  });
  free_settled(accept.first_number, last);
}

void Posting::settle(std::uint64_t first, std::uint64_t last, const Accept& accept,
                     ClientEvents& events) {
  if (!skips_.empty()) {
    // A skip is answered alone; it was reported when it was refused.
    const auto skip = skips_.lower_bound(first);
    if (skip != skips_.end() && *skip <= last) {
      const std::uint64_t number = *skip;
      skips_.erase(skip);
      (void)release(number, number);
      answered(1, 0);
      if (number > first) settle(first, number - 1, accept, events);
      if (number < last) settle(number + 1, last, accept, events);
      return;
    }
  }
  const std::uint64_t bytes = release(first, last);
  answered(last - first + 1, bytes);
  events.push_back(Accepted{session_, first, last - first + 1,
                            accept.first_id.plus(first - accept.first_number), bytes});
}

void Posting::close_retries(Time now, std::uint64_t first, std::uint64_t last) {
  for (auto it = refused_.lower_bound(first); it != refused_.end() && it->first <= last;) {
    const auto found = open_.find(it->second);
    OpenChannel& open = found->second;
    open.waiting.erase(it->first);
    const bool retried = open.retrying.erase(it->first) > 0;
    if (open.retrying.empty() && open.waiting.empty()) {
      open_.erase(found);
    } else if (retried && open.retrying.empty() && now.monotonic_ns >= open.due_ns) {
      open.backoff.reset();
      open.round = std::min(open.round * 2, kRoundMax);
    }
    it = refused_.erase(it);
  }
}

void Posting::refused(Time now, std::uint64_t wire_number, Error error, ClientEvents& events) {
  if (!active_ || wire_number >= this->wire_number(next_unsent_)) return;
  const std::uint64_t number = wire_number + before_epoch_;
  if (settled_.contains(number)) return;
  const ChannelId channel = ChannelId::from_bytes(envelope(number).data() + kEnvelopeChannelOffset);
  OpenChannel& open = open_[channel];
  const bool retried = open.retrying.erase(number) > 0;
  refused_[number] = channel;
  if (!open.waiting.insert(number).second) return;  // said twice
  answered(1, bytes_to_send(number));
  if (number >= stop_at_) return;
  const bool lowest =
      *open.waiting.begin() == number && (open.retrying.empty() || *open.retrying.begin() > number);

  if (!skips_.contains(number) && is_final(error)) {
    give_up(number, std::move(error), events);
    if (lowest) open.due_ns = now.monotonic_ns;  // nothing to wait for: the skip opens the way
    return;
  }
  // Out of order follows the number that it waits for. Without one, the answer to that number is
  // already behind us, or the hub makes no progress: the back-off bounds how often we ask.
  const bool follows = error.code == ErrorCode::kOutOfOrder && !lowest;
  if (follows) return;
  if (error.code != ErrorCode::kOutOfOrder) open.round = 1;
  if (retried || open.due_ns <= now.monotonic_ns) {
    open.due_ns = now.monotonic_ns + open.backoff.next_ns(random_);
  }
}

bool Posting::is_final(const Error& error) const {
  switch (error.code) {
    case ErrorCode::kOutOfOrder:
    case ErrorCode::kWindowExceeded:
      return false;  // about the moment, never about the envelope
    case ErrorCode::kInboxFull:
    case ErrorCode::kDiskFull:
    case ErrorCode::kNotDelivered:
      return !wait_when_full_;
    default:
      break;
  }
  switch (error_reaction(error.code)) {
    case Reaction::kNever:
      return true;
    case Reaction::kLater:
      return refusal_ == RefusalPolicy::kStop;
    case Reaction::kReconnect:
      return false;  // the connection ends; the number goes out again after it
  }
  return true;
}

void Posting::give_up(std::uint64_t number, Error error, ClientEvents& events) {
  events.push_back(Refused{session_, number, std::move(error), envelope(number).size()});
  if (refusal_ == RefusalPolicy::kStop) {
    stop_at_ = std::min(stop_at_, number);
  } else {
    skips_.insert(number);
  }
}

void Posting::write(Time now, BodyRow& row, ClientEvents& events) {
  if (!active_) return;
  for (auto& [channel, open] : open_) write_round(now, open, row);
  write_new(row, events);
}

void Posting::write_round(Time now, OpenChannel& open, BodyRow& row) {
  if (!open.retrying.empty() || now.monotonic_ns < open.due_ns) return;
  std::size_t sent = 0;
  while (!open.waiting.empty() && sent < open.round) {
    const std::uint64_t number = *open.waiting.begin();
    if (number >= stop_at_ || !window_has_room(bytes_to_send(number))) return;
    if (!skips_.contains(number)) ++sent;
    write_number(number, row);
    open.retrying.insert(open.retrying.end(), number);
    open.waiting.erase(open.waiting.begin());
  }
}

// A number that an earlier connection saw accepted may be unknown to the hub by now: a power cut
// takes written mail. The hub waits for it before it takes later ones, so it is given up; where the
// hub knows it, that changes nothing.
void Posting::pass_settled(std::uint64_t up_to, BodyRow& row) {
  for (; next_unsent_ < up_to; ++next_unsent_) {
    row.write(SendView{session_, wire_number(next_unsent_), {}});
  }
}

void Posting::write_new(BodyRow& row, ClientEvents& events) {
  while (true) {
    const std::uint64_t number = settled_.next_missing(next_unsent_);
    if (number > next_unsent_ && next_unsent_ <= ever_sent_) {
      pass_settled(std::min(number, ever_sent_ + 1), row);
    }
    if (number >= next_enqueued_ || number >= stop_at_) return;
    if (!unresolved_.empty() && number >= unresolved_.begin()->first) return;
    if (auto refusal = refusal_here(number)) {
      give_up(number, *std::move(refusal), events);
      continue;
    }
    if (number - settled_.floor() > open_numbers_max_) return;
    if (!window_has_room(bytes_to_send(number)) || is_in_a_round(number)) return;
    write_number(number, row);
    next_unsent_ = number + 1;
    ever_sent_ = std::max(ever_sent_, number);
  }
}

/// What needs no hub to be refused.
std::optional<Error> Posting::refusal_here(std::uint64_t number) {
  if (auto misaddressed = misaddressed_.extract(number)) return std::move(misaddressed.mapped());
  const std::uint64_t bytes = bytes_to_send(number);
  // One that an earlier connection has carried may be stored: only the hub can say.
  if (bytes <= envelope_bytes_max_ || number <= ever_sent_) return std::nullopt;
  return Error{ErrorCode::kTooLarge, "the envelope has " + std::to_string(bytes) +
                                         " bytes, this hub takes " +
                                         std::to_string(envelope_bytes_max_)};
}

std::uint64_t Posting::bytes_to_send(std::uint64_t number) {
  return skips_.contains(number) ? 0 : envelope(number).size();
}

bool Posting::window_has_room(std::uint64_t bytes) const {
  // With nothing unanswered no answer will come to renew the window: one number may always go, and
  // asks for it.
  if (unanswered_.envelopes == 0) return true;
  return unanswered_.envelopes < window_.envelopes && unanswered_.bytes + bytes <= window_.bytes;
}

/// While lower numbers of its channel are under way again and others wait for their turn behind
/// them, the hub could only refuse this one. After the answer there are fewer, or a back-off, in
/// which the other channels go on.
bool Posting::is_in_a_round(std::uint64_t number) {
  if (open_.empty() || skips_.contains(number)) return false;
  const auto found =
      open_.find(ChannelId::from_bytes(envelope(number).data() + kEnvelopeChannelOffset));
  return found != open_.end() && !found->second.waiting.empty() && !found->second.retrying.empty();
}

void Posting::answered(std::uint64_t count, std::uint64_t bytes) {
  unanswered_.envelopes -= std::min(count, unanswered_.envelopes);
  unanswered_.bytes -= std::min(bytes, unanswered_.bytes);
}

void Posting::write_number(std::uint64_t number, BodyRow& row) {
  ++unanswered_.envelopes;
  if (skips_.contains(number)) {
    row.write(SendView{session_, wire_number(number), {}});
    return;
  }
  const auto bytes = envelope(number);
  unanswered_.bytes += bytes.size();
  const AgentId sender = AgentId::from_bytes(bytes.data() + kEnvelopeSenderOffset);
  if (sender.is_zero()) {
    std::copy(sender_.bytes.begin(), sender_.bytes.end(), bytes.data() + kEnvelopeSenderOffset);
  }
  row.write(SendView{session_, wire_number(number), bytes}, bytes.size());
}

std::size_t Posting::held_bytes() const {
  std::size_t bytes = 0;
  for (const Chunk& chunk : chunks_) bytes += chunk.bytes.size();
  return bytes;
}

std::optional<std::uint64_t> Posting::due(Time now) const {
  if (!active_) return std::nullopt;
  std::optional<std::uint64_t> due_ns;
  for (const auto& [channel, open] : open_) {
    if (!open.retrying.empty() || open.waiting.empty()) continue;
    // What is due already waits for room in the window, and so for an answer.
    if (*open.waiting.begin() >= stop_at_ || open.due_ns <= now.monotonic_ns) continue;
    due_ns = due_ns ? std::min(*due_ns, open.due_ns) : open.due_ns;
  }
  return due_ns;
}

Posting::Chunk& Posting::chunk_of(std::uint64_t number) {
  if (last_chunk_ < chunks_.size()) {
    Chunk& chunk = chunks_[last_chunk_];
    if (chunk.first <= number && number < chunk.end()) return chunk;
  }
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), number,
      [](std::uint64_t wanted, const Chunk& chunk) { return wanted < chunk.first; });
  CAPSTAN_CHECK(after != chunks_.begin());
  Chunk& chunk = *std::prev(after);
  CAPSTAN_CHECK(number < chunk.end());
  last_chunk_ = static_cast<std::size_t>(std::prev(after) - chunks_.begin());
  return chunk;
}

std::span<std::uint8_t> Posting::envelope(std::uint64_t number) {
  Chunk& chunk = chunk_of(number);
  const std::uint32_t begin = chunk.begin_of(number);
  const std::uint32_t end = chunk.end_of(number);
  CAPSTAN_CHECK(end - begin >= kEnvelopeHeadBytes);
  return {chunk.bytes.data() + begin, end - begin};
}

/// The bytes of numbers that are settled now.
std::uint64_t Posting::release(std::uint64_t first, std::uint64_t last) {
  std::uint64_t bytes = 0;
  while (first <= last) {
    Chunk& chunk = chunk_of(first);
    const std::uint64_t here = std::min(last, chunk.end() - 1);
    const std::uint32_t bytes_here = chunk.end_of(here) - chunk.begin_of(first);
    chunk.unsettled_bytes -= bytes_here;
    bytes += bytes_here;
    first = here + 1;
  }
  return bytes;
}

/// Nearly everything settles in order, so the first chunk is kept until it goes as a whole. Behind
/// a number that stays open for long, the chunks are rid of what has been settled in them.
void Posting::free_settled(std::uint64_t first, std::uint64_t last) {
  while (!chunks_.empty() && chunks_.front().end() <= first_number()) {
    chunks_.pop_front();
    if (last_chunk_ > 0) --last_chunk_;
  }
  if (chunks_.empty()) return;
  first = std::max(first, chunks_.front().end());
  while (first <= last) {
    Chunk& chunk = chunk_of(first);
    const std::size_t settled_bytes = chunk.bytes.size() - chunk.unsettled_bytes;
    if (settled_bytes >= std::max(chunk.unsettled_bytes, kFreeBytesMin)) keep_unsettled(chunk);
    first = chunk.end();
  }
}

void Posting::keep_unsettled(Chunk& chunk) const {
  ByteBuffer kept;
  kept.reserve(chunk.unsettled_bytes);
  std::uint64_t number = chunk.first;
  std::uint32_t begin = 0;
  for (std::uint32_t& end : chunk.ends) {
    if (!settled_.contains(number++)) append(kept, Bytes(chunk.bytes).subspan(begin, end - begin));
    begin = std::exchange(end, static_cast<std::uint32_t>(kept.size()));
  }
  chunk.bytes = std::move(kept);
}

}  // namespace capstan
