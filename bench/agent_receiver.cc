#include "agent_receiver.h"

#include <utility>
#include <vector>

#include "agent_connection.h"
#include "agent_envelope.h"
#include "hub_process.h"
#include "latency_histogram.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr std::size_t kTakenAtOnce = 4096;
constexpr int kDrainMs = 30'000;

/// What has arrived so far.
class Arrivals {
 public:
  Status take(const std::vector<Delivery>& deliveries) {
    const std::uint64_t now = now_ns();
    for (const Delivery& delivery : deliveries)
      if (Status taken = take(delivery, now); !taken) return taken;
    return {};
  }

  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::uint64_t envelopes() const { return next_index_; }
  [[nodiscard]] std::uint64_t last_ns() const { return last_ns_; }
  [[nodiscard]] const LatencyHistogram& latency() const { return latency_; }

 private:
  Status take(const Delivery& delivery, std::uint64_t now) {
    const auto stamp = read_stamp(delivery.bytes);
    if (!stamp) return {ErrorCode::kDamaged, "an envelope that nobody sent"};
    if (stamp->index == kEndIndex) {
      ended_ = true;
      return {};
    }
    if (stamp->index != next_index_)
      return {ErrorCode::kDamaged, "envelope " + std::to_string(next_index_) + " expected, " +
                                       std::to_string(stamp->index) + " came"};
    ++next_index_;
    last_ns_ = now;
    if (stamp->due_ns != 0) latency_.record(now - stamp->due_ns);
    return {};
  }

  std::uint64_t next_index_ = 0;
  std::uint64_t last_ns_ = 0;
  bool ended_ = false;
  LatencyHistogram latency_;
};

Status receive_all(AgentClient& agent, Arrivals& arrivals) {
  while (!arrivals.ended()) {
    auto deliveries = agent.receive_batch(kTakenAtOnce, -1);
    if (!deliveries) return deliveries.error();
    if (deliveries->empty()) continue;
    if (Status taken = arrivals.take(*deliveries); !taken) return taken;
    agent.acknowledge_up_to(deliveries->back().number);
  }
  return agent.drain(kDrainMs);
}

}  // namespace

Status run_agent_receiver(const RunSpec& spec) {
  AgentOptions options;
  options.name = kReceiverName;
  options.mode = AttachMode::kReceive;
  // As many as the sender may have unaccepted, so that neither side waits for the other's window.
  options.credit_envelopes = 65'536;
  options.credit_bytes = 32 * 1024 * 1024;
  auto connection = connect_agent(spec, std::move(options));
  if (!connection) return connection.error();
  tell_parent({{"mailbox", connection->agent->id().hex()}});

  Arrivals arrivals;
  if (Status received = receive_all(*connection->agent, arrivals); !received) return received;
  connection->hub->close();
  tell_parent({{"envelopes", arrivals.envelopes()},
               {"end_ns", arrivals.last_ns()},
               {"delivery", arrivals.latency().to_json()}});
  return {};
}

}  // namespace capstan::bench
