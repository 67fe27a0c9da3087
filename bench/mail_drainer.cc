#include "mail_drainer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent_connection.h"
#include "agent_envelope.h"
#include "capstan/base/clock.h"
#include "crowd.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr int kSilenceMs = 60'000;
constexpr int kDrainMs = 30'000;
constexpr std::size_t kTakenAtOnce = 4096;
constexpr std::uint64_t kCreditAlone = 65'536;
// What many agents are sent in turn lies in the same blocks: with little credit all of them want
// the same blocks at about the same time, and the hub reads each only once.
constexpr std::uint64_t kCreditInCrowd = 16;

/// One agent of the crowd, and what it still has to get.
class Reader {
 public:
  Reader(std::shared_ptr<AgentClient> agent, const RunSpec& spec, std::uint64_t index)
      : agent_(std::move(agent)),
        next_index_(index),
        step_(spec.agents),
        left_(crowd_share(spec.envelopes, spec.agents, index)) {}

  [[nodiscard]] bool done() const { return left_ == 0; }

  /// Takes what is there, or what comes first.
  Status read() {
    auto deliveries = agent_->receive_batch(kTakenAtOnce, kSilenceMs);
    if (!deliveries) return deliveries.error();
    if (deliveries->empty())
      return {ErrorCode::kTimeout, "nothing more for " + agent_->name() + ", " +
                                       std::to_string(left_) + " envelopes are missing"};
    for (const Delivery& delivery : *deliveries)
      if (Status taken = take(delivery); !taken) return taken;
    agent_->acknowledge_up_to(deliveries->back().number);
    return {};
  }

 private:
  Status take(const Delivery& delivery) {
    const auto stamp = read_stamp(delivery.bytes);
    if (!stamp || left_ == 0 || stamp->index != next_index_)
      return {ErrorCode::kDamaged,
              agent_->name() + " expected envelope " + std::to_string(next_index_) + ", and " +
                  (stamp ? std::to_string(stamp->index) : "another") + " came"};
    next_index_ += step_;
    --left_;
    return {};
  }

  std::shared_ptr<AgentClient> agent_;
  std::uint64_t next_index_;
  std::uint64_t step_;
  std::uint64_t left_;
};

Result<std::vector<Reader>> attach(HubClient& hub, const RunSpec& spec, std::uint64_t first,
                                   std::uint64_t last) {
  std::vector<Reader> readers;
  for (std::uint64_t i = first; i < last; ++i) {
    AgentOptions options;
    options.name = crowd_agent(spec.first_agent + i);
    options.mode = AttachMode::kReceive;
    options.credit_envelopes = spec.agents == 1 ? kCreditAlone : kCreditInCrowd;
    options.credit_bytes = std::uint64_t{32} * 1024 * 1024;
    auto agent = hub.attach(std::move(options));
    if (!agent) return agent.error();
    readers.emplace_back(std::move(agent).value(), spec, i);
  }
  return readers;
}

/// Agents `first` … `last` − 1 of the spec, which have one key.
Status drain_group(const RunSpec& spec, std::uint64_t first, std::uint64_t last) {
  auto hub = connect_with_key(spec, crowd_key(spec.first_agent + first));
  if (!hub) return hub.error();
  auto readers = attach(*hub.value(), spec, first, last);
  if (!readers) return readers.error();
  const auto is_done = [](const Reader& reader) { return reader.done(); };
  while (!std::all_of(readers->begin(), readers->end(), is_done)) {
    for (Reader& reader : *readers) {
      if (reader.done()) continue;
      if (Status read = reader.read(); !read) return read;
    }
  }
  return hub.value()->drain(kDrainMs);
}

}  // namespace

Status run_mail_drainer(const RunSpec& spec) {
  const std::uint64_t start_ns = now_ns();
  for (std::uint64_t first = 0; first < spec.agents;) {
    const std::uint64_t in_group = kCrowdPerKey - (spec.first_agent + first) % kCrowdPerKey;
    const std::uint64_t last = std::min(first + in_group, spec.agents);
    if (Status drained = drain_group(spec, first, last); !drained) return drained;
    first = last;
  }
  const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
  tell_parent({{"envelopes", spec.envelopes}, {"seconds", elapsed_ns / kNsPerSecond}});
  return {};
}

}  // namespace capstan::bench
