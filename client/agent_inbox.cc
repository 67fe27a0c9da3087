#include "agent_inbox.h"

#include <algorithm>
#include <memory>

namespace capstan {
namespace {

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

bool AgentInbox::add(std::span<const Delivered> deliveries, const LinkBody& body) {
  const bool shares = is_mostly(body, deliveries);
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
  return first;
}

void AgentInbox::take_arriving() {
  if (next_handed_ < handing_.size()) return;
  handing_ = std::exchange(arriving_, {});
  next_handed_ = 0;
}

Delivery AgentInbox::next() {
  take_arriving();
  return std::move(handing_[next_handed_++]);
}

std::vector<Delivery> AgentInbox::next(std::size_t max) {
  take_arriving();
  if (next_handed_ == 0 && handing_.size() <= max) return std::exchange(handing_, {});
  std::vector<Delivery> batch;
  batch.reserve(std::min(max, handing_.size() - next_handed_ + arriving_.size()));
  while (batch.size() < max && has_delivery()) batch.push_back(next());
  return batch;
}

void AgentInbox::acknowledge(std::uint64_t first, std::uint64_t last) {
  auto& acknowledged = receipts_.acknowledged;
  if (!acknowledged.empty() && first <= acknowledged.back().second + 1 &&
      first >= acknowledged.back().first) {
    acknowledged.back().second = std::max(acknowledged.back().second, last);
  } else {
    acknowledged.emplace_back(first, last);
  }
  receipts_pending_ = true;
}

void AgentInbox::nack(Nack nack) {
  receipts_.nacks.push_back(std::move(nack));
  receipts_pending_ = true;
}

bool AgentInbox::receipts_sent() {
  if (!receipts_.empty()) return false;
  receipts_pending_ = false;
  return true;
}

}  // namespace capstan
