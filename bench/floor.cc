#include "floor.h"

#include <memory>

#include "processes.h"
#include "run_folder.h"

namespace capstan::bench {
namespace {

constexpr double kStartSeconds = 15.0;
constexpr double kEndSeconds = 15.0;

struct FloorProcesses {
  std::unique_ptr<Child> hub;
  std::unique_ptr<Child> consumer;
  std::unique_ptr<Child> producer;
};

// Each waits for the one before it, so that the producer starts against a complete row.
Result<FloorProcesses> start_all(RunSpec spec) {
  FloorProcesses all;
  auto hub = Child::start_role("floor_hub", spec);
  if (!hub) return hub.error();
  all.hub = std::move(hub).value();
  auto listening = all.hub->read_json(kStartSeconds);
  if (!listening) return listening.error();
  spec.endpoint = listening->at("endpoint");
  spec.hub_public_key = listening->at("hub_public_key");

  auto consumer = Child::start_role("floor_consumer", spec);
  if (!consumer) return consumer.error();
  all.consumer = std::move(consumer).value();
  if (auto ready = all.consumer->read_json(kStartSeconds); !ready) return ready.error();

  auto producer = Child::start_role("floor_producer", spec);
  if (!producer) return producer.error();
  all.producer = std::move(producer).value();
  return all;
}

Result<double> cpu_seconds_of_all(FloorProcesses& all) {
  double sum = 0.0;
  for (Child* child : {all.producer.get(), all.consumer.get(), all.hub.get()}) {
    auto cpu_seconds = child->finish(kEndSeconds);
    if (!cpu_seconds) return cpu_seconds;
    sum += *cpu_seconds;
  }
  return sum;
}

}  // namespace

Result<RunResult> run_floor(const RunSpec& spec) {
  auto folder = RunFolder::make(spec.dir);
  if (!folder) return folder.error();
  RunSpec own = spec;
  own.dir = folder.value()->path();
  auto all = start_all(own);
  if (!all) return all.error();

  const double limit = spec.seconds + kEndSeconds;
  auto sent = all->producer->read_json(limit);
  if (!sent) return sent.error();
  auto heard = all->consumer->read_json(kEndSeconds);
  if (!heard) return heard.error();
  auto stored = all->hub->read_json(kEndSeconds);
  if (!stored) return stored.error();
  auto cpu_seconds = cpu_seconds_of_all(all.value());
  if (!cpu_seconds) return cpu_seconds.error();

  auto result = RunResult::from_ends(*sent, *heard);
  if (!result) return result;
  result->cpu_seconds = *cpu_seconds;
  if (spec.journal) result->fsyncs = stored->at("fsyncs").get<std::uint64_t>();
  return result;
}

}  // namespace capstan::bench
