#include "receiving.h"

#include <algorithm>

#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"

namespace capstan {

Receiving::Receiving(const SessionOptions& options)
    : credit_envelopes_(options.credit_envelopes), deliveries_max_(options.deliveries_max) {}

void Receiving::begin() {
  awaited_ = 0;
  for (std::size_t i = head_; i < shown_.size(); ++i) {
    shown_[i].delivery = 0;
    if (!shown_[i].over && comes_again(shown_[i])) ++awaited_;
  }
  search_from_ = head_;
  again_.clear();
  received_ = 0;
  withheld_ = 0;
  settled_count_ = 0;
  settled_ = {};
  settled_alone_.clear();
  given_back_.clear();
  working_.clear();
  told_up_to_ = 0;
  told_credit_ = 0;
  told_credit_ = credit_until();
}

std::uint64_t Receiving::credit_until() const {
  std::uint64_t until = settled_count_ + credit_envelopes_;
  if (deliveries_max_) {
    // What was shown and comes again takes a number of the hub's, but none of the application's.
    const std::uint64_t left = *deliveries_max_ - std::min(*deliveries_max_, shown_total_);
    until = std::min(until, received_ - withheld_ + awaited_ + left);
  }
  return std::max(until, told_credit_);
}

std::optional<std::uint64_t> Receiving::notified(const NotifyView& notify) {
  if (notify.envelope.size() < kEnvelopeHeadBytes) return std::nullopt;
  const EnvelopeId id = EnvelopeId::from_bytes(notify.envelope.data() + kEnvelopeIdOffset);
  const ChannelId channel = ChannelId::from_bytes(notify.envelope.data() + kEnvelopeChannelOffset);
  IntervalSet& seen = seen_in(channel);
  received_ = std::max(received_, notify.delivery);
  const bool returned = !returned_.empty() && returned_.count({channel, notify.position}) != 0;
  const bool stored = notify.position.value != 0;
  if (stored && seen.contains(notify.position.value) && !returned) {
    came_again(id, notify.delivery);
    return std::nullopt;
  }
  if (deliveries_max_ && shown_total_ >= *deliveries_max_) {
    ++withheld_;
    return std::nullopt;
  }
  if (returned) returned_.erase({channel, notify.position});
  if (stored) (void)seen.add(notify.position.value);
  shown_.push_back({id, channel, notify.position, notify.delivery, false});
  ++shown_total_;
  return first_shown_ + (shown_.size() - head_) - 1;
}

void Receiving::acknowledge(std::uint64_t first, std::uint64_t last) {
  const std::uint64_t end = first_shown_ + (shown_.size() - head_);
  for (std::uint64_t number = std::max(first, first_shown_); number < end && number <= last;
       ++number) {
    Shown& shown = shown_[head_ + static_cast<std::size_t>(number - first_shown_)];
    if (shown.over) continue;
    shown.over = true;
    if (shown.delivery == 0) {
      if (comes_again(shown)) --awaited_;  // it is acknowledged when the hub sends it again
      continue;
    }
    settle(shown.id, shown.delivery);
    if (again_.empty()) continue;
    for (const auto& [id, delivery] : again_) {
      if (id == shown.id) settle(id, delivery);
    }
    std::erase_if(again_, [&](const auto& entry) { return entry.first == shown.id; });
  }
  drop_over();
}

void Receiving::nack(std::uint64_t number, std::uint32_t delay_ms, std::string reason) {
  Shown* shown = find_open(number);
  if (shown == nullptr) return;
  shown->over = true;
  if (comes_again(*shown)) returned_.insert({shown->channel, shown->position});
  if (shown->delivery == 0) {
    // The hub has not sent it again yet: when it does, it is shown.
    if (comes_again(*shown)) --awaited_;
  } else {
    reason.resize(std::min(reason.size(), kNackReasonBytesMax));
    // The hub may have given up the first number and have sent it again under another one: each is
    // given back, or a cumulative acknowledgement would cover it.
    take_back({shown->delivery, delay_ms, reason});
    for (const auto& [id, delivery] : again_) {
      if (id == shown->id) take_back({delivery, delay_ms, reason});
    }
    std::erase_if(again_, [&](const auto& entry) { return entry.first == shown->id; });
  }
  drop_over();
}

void Receiving::working(std::uint64_t number) {
  const Shown* shown = find_open(number);
  if (shown == nullptr || shown->delivery == 0) return;
  working_.push_back(shown->delivery);
  for (const auto& [id, delivery] : again_) {
    if (id == shown->id) working_.push_back(delivery);
  }
}

void Receiving::grant(std::uint64_t deliveries) {
  if (deliveries_max_) *deliveries_max_ += deliveries;
}

void Receiving::forget(const ChannelId& channel, Position cursor) {
  seen_in(channel).raise_floor(cursor.value);
  std::erase_if(returned_, [&](const auto& entry) {
    return entry.first == channel && entry.second <= cursor;
  });
}

void Receiving::write_receipts(SessionId session, BodyRow& row) {
  const std::uint64_t credit = credit_until();
  const std::uint64_t up_to = settled_.floor();
  bool carried = false;
  // Before anything cumulative: a hub that has heard them does not count them as acknowledged.
  for (const GivenBack& nacked : given_back_) {
    row.write(Receipt{session,
                      ReceiptKind::kNack,
                      nacked.delivery,
                      {},
                      credit,
                      nacked.delay_ms,
                      nacked.reason},
              nacked.reason.size());
    carried = true;
  }
  for (const std::uint64_t delivery : working_) {
    row.write(Receipt{session, ReceiptKind::kWorking, delivery, {}, credit});
    carried = true;
  }
  given_back_.clear();
  working_.clear();
  if (up_to > told_up_to_) {
    row.write(Receipt{session, ReceiptKind::kAckUpTo, up_to, {}, credit});
    carried = true;
  }
  for (const auto& [id, delivery] : settled_alone_) {
    if (delivery <= up_to) continue;
    row.write(Receipt{session, ReceiptKind::kAck, 0, id, credit});
    carried = true;
  }
  if (!carried && credit > told_credit_) {
    row.write(Receipt{session, ReceiptKind::kCredit, 0, {}, credit});
  }
  settled_alone_.clear();
  told_up_to_ = up_to;
  told_credit_ = credit;
}

IntervalSet& Receiving::seen_in(const ChannelId& channel) {
  // Nearly all mail of a session comes from one channel, and a map's elements stay where they are.
  if (seen_last_ == nullptr || seen_last_channel_ != channel) {
    seen_last_ = &seen_[channel];
    seen_last_channel_ = channel;
  }
  return *seen_last_;
}

Receiving::Shown* Receiving::find_unacknowledged(const EnvelopeId& id) {
  // After a reconnect they come in the old order, so the next one stands where the last was found.
  const std::size_t count = shown_.size() - head_;
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t i = head_ + (search_from_ - head_ + step) % count;
    if (shown_[i].over || shown_[i].id != id) continue;
    search_from_ = i + 1 < shown_.size() ? i + 1 : head_;
    return &shown_[i];
  }
  return nullptr;
}

void Receiving::came_again(const EnvelopeId& id, std::uint64_t delivery) {
  Shown* shown = find_unacknowledged(id);
  if (shown == nullptr) {
    settle(id, delivery);
  } else if (shown->delivery == 0) {
    shown->delivery = delivery;
    --awaited_;
  } else if (shown->delivery != delivery) {
    // Neither number may be covered by a cumulative acknowledgement before the application's own.
    again_.emplace_back(id, delivery);
  }
}

Receiving::Shown* Receiving::find_open(std::uint64_t number) {
  if (number < first_shown_ || number - first_shown_ >= shown_.size() - head_) return nullptr;
  Shown& shown = shown_[head_ + static_cast<std::size_t>(number - first_shown_)];
  return shown.over ? nullptr : &shown;
}

/// The hub's number is done with, and nothing acknowledges it alone.
void Receiving::take_back(GivenBack given_back) {
  if (settled_.add(given_back.delivery)) ++settled_count_;
  given_back_.push_back(std::move(given_back));
}

void Receiving::settle(const EnvelopeId& id, std::uint64_t delivery) {
  if (!settled_.add(delivery)) return;
  ++settled_count_;
  if (delivery > settled_.floor()) settled_alone_.emplace_back(id, delivery);
}

void Receiving::drop_over() {
  while (head_ < shown_.size() && shown_[head_].over) {
    ++head_;
    ++first_shown_;
  }
  if (head_ == shown_.size()) {
    shown_.clear();
    head_ = 0;
  } else if (head_ >= 1024 && head_ >= shown_.size() / 2) {
    shown_.erase(shown_.begin(), shown_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  search_from_ = head_;
}

}  // namespace capstan
