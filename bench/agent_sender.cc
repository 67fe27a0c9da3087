#include "agent_sender.h"

#include <poll.h>

#include <mutex>
#include <utility>

#include "agent_connection.h"
#include "agent_envelope.h"
#include "capstan/base/clock.h"
#include "hub_process.h"
#include "pacer.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr int kDrainMs = 60'000;
// Between two looks at the clock; in an open loop, also the most that is sent at once.
constexpr std::uint64_t kBurst = 1024;

/// Collects acceptances on the client's callback thread.
class AcceptLog {
 public:
  void begin(const Pacer& pacer) {
    const std::lock_guard lock(mutex_);
    pacer_ = &pacer;
  }

  /// Numbers begin with 1, indexes with 0.
  void accepted(std::uint64_t first_number, std::uint64_t count) {
    const std::uint64_t now = now_ns();
    const std::lock_guard lock(mutex_);
    if (pacer_ == nullptr || !pacer_->open_loop()) return;
    for (std::uint64_t i = 0; i < count; ++i)
      latency_.record(now - pacer_->due_ns(first_number - 1 + i, now));
  }

  [[nodiscard]] LatencyHistogram latency() const {
    const std::lock_guard lock(mutex_);
    return latency_;
  }

 private:
  mutable std::mutex mutex_;
  const Pacer* pacer_ = nullptr;
  LatencyHistogram latency_;
};

void wait_for_tick(Pacer& pacer) {
  pollfd tick{pacer.tick_fd(), POLLIN, 0};
  poll(&tick, 1, -1);
  pacer.consume_ticks();
}

Status send_one(AgentClient& agent, const ChannelId& mailbox, Bytes envelope) {
  auto number = agent.send_encoded(mailbox, envelope);
  return number ? Status() : Status(number.error());
}

/// Returns how many envelopes were sent.
Result<std::uint64_t> send_until_over(AgentClient& agent, const ChannelId& mailbox,
                                      EnvelopeTemplate& envelope, Pacer& pacer) {
  std::uint64_t sent = 0;
  for (;;) {
    const std::uint64_t now = now_ns();
    if (pacer.over(now)) return sent;
    const std::uint64_t due = pacer.due(now, sent, kBurst);
    if (due == sent) wait_for_tick(pacer);
    for (; sent < due; ++sent) {
      const std::uint64_t due_ns = pacer.open_loop() ? pacer.due_ns(sent, now) : 0;
      if (Status posted = send_one(agent, mailbox, envelope.write(sent, due_ns)); !posted)
        return posted.error();
    }
  }
}

}  // namespace

Status run_agent_sender(const RunSpec& spec) {
  const auto mailbox = ChannelId::from_text(spec.to);
  if (!mailbox) return {ErrorCode::kInvalidArgument, "'" + spec.to + "' is no mailbox"};
  AcceptLog log;
  AgentOptions options;
  options.name = kSenderName;
  // A callback costs a thread its turn: the rate is measured without.
  if (spec.rate > 0.0)
    options.on_accepted = [&log](std::uint64_t first, std::uint64_t count, const EnvelopeId&) {
      log.accepted(first, count);
    };
  auto connection = connect_agent(spec, std::move(options));
  if (!connection) return connection.error();
  AgentClient& agent = *connection->agent;

  EnvelopeTemplate envelope(spec.payload_bytes);
  Pacer pacer(spec.rate, spec.seconds);
  log.begin(pacer);
  auto sent = send_until_over(agent, *mailbox, envelope, pacer);
  if (!sent) return sent.error();
  if (Status drained = agent.drain(kDrainMs); !drained) return drained;
  const std::uint64_t end_ns = now_ns();
  const LatencyHistogram latency = log.latency();

  if (Status ended = send_one(agent, *mailbox, envelope.write(kEndIndex, 0)); !ended) return ended;
  if (Status drained = agent.drain(kDrainMs); !drained) return drained;
  connection->hub->close();
  tell_parent({{"envelopes", *sent},
               {"start_ns", pacer.start_ns()},
               {"end_ns", end_ns},
               {"accept", latency.to_json()}});
  return {};
}

}  // namespace capstan::bench
