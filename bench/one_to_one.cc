#include "one_to_one.h"

#include <memory>

#include "hub_process.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr double kStartSeconds = 30.0;
constexpr double kEndSeconds = 60.0;

/// Both ends of the run, and what they said.
struct Exchange {
  nlohmann::json sent;
  nlohmann::json heard;
  double cpu_seconds = 0.0;
};

Result<Exchange> exchange(RunSpec spec, const Child& hub) {
  auto receiver = Child::start_role("agent_receiver", spec);
  if (!receiver) return receiver.error();
  auto attached = receiver.value()->read_json(kStartSeconds, &hub);
  if (!attached) return attached.error();
  spec.to = attached->at("mailbox");
  auto sender = Child::start_role("agent_sender", spec);
  if (!sender) return sender.error();

  auto sent = sender.value()->read_json(spec.seconds + kEndSeconds, &hub);
  if (!sent) return sent.error();
  auto heard = receiver.value()->read_json(kEndSeconds, &hub);
  if (!heard) return heard.error();
  Exchange both{std::move(sent).value(), std::move(heard).value(), 0.0};
  for (Child* child : {sender.value().get(), receiver.value().get()}) {
    auto cpu_seconds = child->finish(kEndSeconds);
    if (!cpu_seconds) return cpu_seconds.error();
    both.cpu_seconds += *cpu_seconds;
  }
  return both;
}

}  // namespace

Result<RunResult> run_one_to_one(const RunSpec& spec) {
  auto hub = HubProcess::start(spec);
  if (!hub) return hub.error();
  auto both = exchange(hub.value()->addressed(spec), hub.value()->daemon());
  if (!both) return hub.value()->with_log(both.error());
  auto hub_cpu_seconds = hub.value()->stop();
  if (!hub_cpu_seconds) return hub_cpu_seconds.error();

  auto result = RunResult::from_ends(both->sent, both->heard);
  if (result) result->cpu_seconds = both->cpu_seconds + *hub_cpu_seconds;
  return result;
}

}  // namespace capstan::bench
