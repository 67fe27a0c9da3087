#include "agent_outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "capstan/codec/limits.h"

namespace capstan {
namespace {

// More than the numbers that may be open at once: what is still unsettled is not yet forgotten.
constexpr std::size_t kRefusalRunsMax = 2 * kSendWindowEnvelopesMax;
// Above the largest envelope of a hub with every option, far below what a batch's offsets hold.
constexpr std::size_t kStagedBytesMax = 1U << 30;

}  // namespace

bool AgentOutbox::has_room() const {
  return unsettled_envelopes_ == 0 ||
         (unsettled_envelopes_ < limits_.envelopes && unsettled_bytes_ < limits_.bytes &&
          staged_.bytes.size() < kStagedBytesMax);
}

Result<std::uint64_t> AgentOutbox::stage(std::string_view name, const Envelope& envelope) {
  const std::string key(name);
  if (const auto known = mailboxes_.find(key); known != mailboxes_.end()) {
    return stage(known->second, envelope);
  }
  encode_envelope(envelope, staged_.bytes);
  auto number = finish();
  if (number.ok()) {
    staged_.names.emplace_back(static_cast<std::uint32_t>(staged_.ends.size() - 1), key);
  }
  return number;
}

Result<std::uint64_t> AgentOutbox::stage(const ChannelId& channel, const Envelope& envelope) {
  encode_envelope(envelope, staged_.bytes);
  return finish_for(channel);
}

Result<std::uint64_t> AgentOutbox::stage(const ChannelId& channel, Bytes encoded) {
  append(staged_.bytes, encoded);
  return finish_for(channel);
}

Result<std::uint64_t> AgentOutbox::finish_for(const ChannelId& channel) {
  const std::size_t begin = staged_end();
  auto number = finish();
  if (number.ok()) {
    std::copy(channel.bytes.begin(), channel.bytes.end(),
              staged_.bytes.data() + begin + kEnvelopeChannelOffset);
  }
  return number;
}

/// What was written behind the last envelope is the next one, or is taken back.
Result<std::uint64_t> AgentOutbox::finish() {
  const std::size_t begin = staged_end();
  const std::size_t bytes = staged_.bytes.size() - begin;
  if (bytes >= kEnvelopeHeadBytes && bytes + kFrameOverheadMax <= kBatchBytesMax) {
    staged_.ends.push_back(static_cast<std::uint32_t>(staged_.bytes.size()));
    ++unsettled_envelopes_;
    unsettled_bytes_ += bytes;
    return ++last_number_;
  }
  staged_.bytes.resize(begin);
  if (bytes < kEnvelopeHeadBytes) {
    return {ErrorCode::kMalformedFrame, "shorter than the head of an envelope"};
  }
  return {ErrorCode::kTooLarge, "an envelope of " + std::to_string(bytes) + " bytes"};
}

PostBatch AgentOutbox::take_staged() {
  const std::size_t usual = std::min<std::size_t>(staged_.bytes.size(), kBatchBytesTarget);
  PostBatch batch = std::exchange(staged_, {});
  staged_.bytes.reserve(usual);
  staged_.ends.reserve(std::min<std::size_t>(batch.ends.size(), 1024));
  return batch;
}

void AgentOutbox::accepted(const Accepted& accepted) {
  settled_.add(accepted.first, accepted.first + accepted.count - 1,
               [](std::uint64_t, std::uint64_t) {});
  accepted_count_ += accepted.count;
  unsettled_envelopes_ -= static_cast<std::size_t>(accepted.count);
  unsettled_bytes_ -= static_cast<std::size_t>(accepted.bytes);
}

void AgentOutbox::refused(const Refused& refused) {
  (void)settled_.add(refused.number);
  --unsettled_envelopes_;
  unsettled_bytes_ -= static_cast<std::size_t>(refused.bytes);
  keep_refusal(refused);
  // The agent behind a known name may be another one by now.
  if (refused.error.code == ErrorCode::kNotFound) mailboxes_.clear();
  if (refusal_ == RefusalPolicy::kStop && (!stop_ || refused.number < stop_->number)) {
    stop_ = Stop{refused.number, refused.error};
  }
}

/// Many envelopes that are refused have one reason.
void AgentOutbox::keep_refusal(const Refused& refused) {
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

std::optional<Error> AgentOutbox::refusal_of(std::uint64_t number) const {
  const auto after = refusals_.upper_bound(number);
  if (after != refusals_.begin() && std::prev(after)->second.last >= number) {
    return std::prev(after)->second.error;
  }
  if (number > forgotten_up_to_) return std::nullopt;
  return Error{ErrorCode::kOutcomeUnknown, "settled so long ago that it is not known how"};
}

bool AgentOutbox::is_drained() const {
  return settled_.floor() >= (stop_ ? stop_->number : last_number_);
}

std::optional<Error> AgentOutbox::why_stopped() const {
  return stop_ ? std::optional<Error>(stop_->error) : std::nullopt;
}

}  // namespace capstan
