// What an agent has posted, and what became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "capstan/base/ids.h"
#include "capstan/base/result.h"
#include "capstan/client/events.h"
#include "capstan/client/interval_set.h"
#include "capstan/codec/envelope.h"

namespace capstan {

struct OutboxLimits {
  std::size_t envelopes = 0;
  std::size_t bytes = 0;
};

/// Stages envelopes until the I/O thread takes them, and counts them until they are settled. The
/// engine holds their bytes in between.
///
/// Place: part of AgentState, under its lock.
class AgentOutbox {
 public:
  AgentOutbox(OutboxLimits limits, RefusalPolicy refusal) : limits_(limits), refusal_(refusal) {}

  /// One envelope always fits, so that a bound below its size does not block for ever.
  [[nodiscard]] bool has_room() const;

  // The envelope's number. Errors: kTooLarge; kMalformedFrame: shorter than an envelope's head.
  [[nodiscard]] Result<std::uint64_t> stage(std::string_view name, const Envelope& envelope);
  [[nodiscard]] Result<std::uint64_t> stage(const ChannelId& channel, const Envelope& envelope);
  [[nodiscard]] Result<std::uint64_t> stage(const ChannelId& channel, Bytes encoded);

  [[nodiscard]] bool has_staged() const { return !staged_.empty(); }
  [[nodiscard]] PostBatch take_staged();

  // What the engine reports.
  void accepted(const Accepted& accepted);
  void refused(const Refused& refused);
  void resolved(const std::string& name, const ChannelId& channel) { mailboxes_[name] = channel; }

  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
  [[nodiscard]] std::uint64_t accepted_count() const { return accepted_count_; }
  [[nodiscard]] bool is_settled(std::uint64_t number) const { return settled_.contains(number); }
  /// Why a settled number was not accepted. kOutcomeUnknown: nobody knows any more whether it was.
  [[nodiscard]] std::optional<Error> refusal_of(std::uint64_t number) const;
  [[nodiscard]] bool is_settled() const { return settled_.floor() >= last_number_; }
  /// Settled but for what is behind the number at which sending stopped.
  [[nodiscard]] bool is_drained() const;
  /// kStop: the refusal after which nothing is sent any more.
  [[nodiscard]] std::optional<Error> why_stopped() const;
  /// Nothing will become of it: it comes after the number at which sending stopped.
  [[nodiscard]] bool is_behind_stop(std::uint64_t number) const {
    return stop_ && number > stop_->number;
  }

 private:
  struct Stop {
    std::uint64_t number = 0;
    Error error;
  };
  struct RefusalRun {
    std::uint64_t last = 0;
    Error error;
  };

  [[nodiscard]] std::size_t staged_end() const {
    return staged_.ends.empty() ? 0 : staged_.ends.back();
  }
  [[nodiscard]] Result<std::uint64_t> finish();
  [[nodiscard]] Result<std::uint64_t> finish_for(const ChannelId& channel);
  void keep_refusal(const Refused& refused);

  OutboxLimits limits_;
  RefusalPolicy refusal_;
  PostBatch staged_;
  std::unordered_map<std::string, ChannelId> mailboxes_;
  std::uint64_t last_number_ = 0;
  std::size_t unsettled_envelopes_ = 0;
  std::size_t unsettled_bytes_ = 0;
  IntervalSet settled_;                           // accepted or refused
  std::map<std::uint64_t, RefusalRun> refusals_;  // by first number
  std::uint64_t forgotten_up_to_ = 0;             // no refusal of these numbers need be there
  std::optional<Stop> stop_;                      // kStop: nothing from this number on is sent
  std::uint64_t accepted_count_ = 0;
};

}  // namespace capstan
