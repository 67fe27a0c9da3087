// One agent on a hub: post, receive, acknowledge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/ids.h"
#include "capstan/base/result.h"
#include "capstan/client/events.h"
#include "capstan/codec/envelope.h"

namespace capstan {

/// An envelope that waits to be acknowledged.
struct Delivery {
  std::uint64_t number = 0;   ///< For acknowledge(); counts from 1 and goes on after a reconnect.
  std::uint32_t attempt = 1;  ///< Above 1: an earlier receiver may have seen it.
  Position position;          ///< Zero: its mailbox stores nothing, and it never comes again.
  Bytes bytes;                ///< Compact form; lives as long as `owner`.
  std::shared_ptr<const void> owner;  ///< Shared by the deliveries that came together.

  /// Errors: kMalformedFrame.
  [[nodiscard]] Result<Envelope> envelope() const { return decode_envelope(bytes); }
  /// The text of an EV_TEXT envelope. Errors: kMalformedFrame.
  [[nodiscard]] Result<std::string> text() const;
};

class AgentClient;

/// Callbacks run one at a time on a thread of this agent; one that blocks holds back this agent's
/// deliveries, through its credit, and send() once as many calls wait as the outbox has envelopes;
/// nobody else's. They may call every AgentClient.
struct AgentOptions {
  std::string name;
  AttachMode mode = AttachMode::kPost;  ///< A receiving session may post, too.
  RefusalPolicy refusal = RefusalPolicy::kSkip;
  bool wait_when_full = true;
  std::uint64_t credit_envelopes = 4096;
  std::uint64_t credit_bytes = 8 * 1024 * 1024;
  std::optional<std::uint64_t> deliveries_max{};
  /// How long send() waits for room in the outbox; -1: no bound.
  int send_timeout_ms = -1;
  /// How long attach() waits for the hub to take the session; 0: not at all, it attaches when it
  /// can. Why it cannot yet stands in the text of each kTimeout.
  int attach_timeout_ms = 5'000;

  std::function<void(AgentClient&, const Delivery&)> on_delivery{};  ///< Empty: receive() pulls.
  std::function<void(std::uint64_t first, std::uint64_t count, const EnvelopeId& first_id)>
      on_accepted{};
  std::function<void(std::uint64_t number, const Error&)> on_refused{};
  std::function<void(const Error&)> on_ended{};  ///< The session is over for good; the last call.
};

/// Thread-safe. Works until close(), the hub's end of the session, or the HubClient's close().
class AgentClient {
 public:
  virtual ~AgentClient() = default;

  /// Queues an envelope for the mailbox of `name`, and returns its number: 1, 2, 3 …
  /// The order of posting is the order of numbers. Accepted means: on the hub's disk; until then it
  /// is in memory here, and goes out again after every reconnect.
  ///
  /// Errors: kTimeout: the outbox stayed full. The session's own error when it has ended, or has
  ///         stopped after a refusal. kTooLarge, when larger than any hub takes.
  [[nodiscard]] virtual Result<std::uint64_t> send(std::string_view name,
                                                   const Envelope& envelope) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> send(const ChannelId& channel,
                                                   const Envelope& envelope) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> send_text(std::string_view name,
                                                        std::string_view text) = 0;
  /// The cheapest way: copies a compact envelope. Zeros as its sender are filled in.
  /// Errors: also kMalformedFrame: shorter than an envelope's head.
  [[nodiscard]] virtual Result<std::uint64_t> send_encoded(const ChannelId& channel,
                                                           Bytes envelope) = 0;

  /// Waits until `number` is accepted.
  /// Errors: kTimeout; the hub's reason when it was refused; kOutcomeUnknown: settled long ago,
  ///         with more than 65,536 refusals since, of which only the newest are kept; the session's
  ///         error.
  [[nodiscard]] virtual Status wait_accepted(std::uint64_t number, int timeout_ms) = 0;
  [[nodiscard]] virtual std::uint64_t accepted_count() const = 0;

  /// The next delivery; empty after `timeout_ms` (-1: no bound).
  /// Errors: the session's error, after everything that came before it was handed out.
  [[nodiscard]] virtual Result<std::optional<Delivery>> receive(int timeout_ms) = 0;
  /// Up to `max` deliveries: all that are here, or what comes first.
  [[nodiscard]] virtual Result<std::vector<Delivery>> receive_batch(std::size_t max,
                                                                    int timeout_ms) = 0;

  virtual void acknowledge(std::uint64_t number) = 0;
  /// All deliveries up to `number` that are not acknowledged yet.
  virtual void acknowledge_up_to(std::uint64_t number) = 0;
  /// The delivery failed. The hub sends the envelope again after `delay_ms` (0: its own back-off),
  /// as a new delivery with the next attempt; after too many of them it becomes a dead letter with
  /// `reason` (at most kNackReasonBytesMax octets), and its sender is told.
  virtual void nack(std::uint64_t number, std::uint32_t delay_ms, std::string_view reason) = 0;
  /// The delivery takes time: starts its ack_wait anew, where the hub has one.
  virtual void working(std::uint64_t number) = 0;
  /// With deliveries_max: allows so many more.
  virtual void grant(std::uint64_t deliveries) = 0;

  /// Waits until all that was sent is accepted or reported refused, and all acknowledgements and
  /// nacks have left for the hub, which does not answer them. An acknowledgement that is lost with
  /// its connection is said again when its envelope comes again, as long as this session lives;
  /// after that, the envelope goes to the next receiver. Errors: kTimeout; the session's error.
  [[nodiscard]] virtual Status drain(int timeout_ms) = 0;

  /// Ends the session here and at the hub, which is told what was acknowledged, and redelivers the
  /// rest to the next receiver; what is unaccepted is dropped. drain() first. Waits for the
  /// callback that runs. Called by a callback, be it this agent's or another one's, it does not:
  /// callbacks that close each other's agents would wait for ever. Whoever closes this agent or the
  /// HubClient next, and is no callback, waits.
  virtual void close() = 0;

  [[nodiscard]] virtual const std::string& name() const = 0;
  /// Zero until the hub has answered the first attach.
  [[nodiscard]] virtual AgentId id() const = 0;
};

}  // namespace capstan
