// What the hub's core costs per envelope, without sockets and without a disk.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent_envelope.h"
#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "capstan/core/hub.h"

namespace capstan::bench {
namespace {

constexpr ConnectionId kSender{1, 1};
constexpr ConnectionId kReceiver{2, 1};
constexpr SessionId kSession = 1;
constexpr std::uint64_t kUnbounded = std::uint64_t{1} << 40;

/// A core with two agents; every commit is durable as soon as it is asked for.
class Core {
 public:
  Core() {
    HubStart start;
    start.version = "micro";
    Effects effects;
    hub_ = std::make_unique<Hub>(HubConfig{}, State(), start, now_, effects);
    settle(carry_out(effects));
    tell(KeysChanged{{AdmittedKey{"a", {1}, {"a"}}, AdmittedKey{"b", {2}, {"b"}}}});
    attach(kSender, {"a", {1}, {"a"}}, AttachMode::kPost);
    attach(kReceiver, {"b", {2}, {"b"}}, AttachMode::kReceive);
  }

  [[nodiscard]] ChannelId mailbox() const {
    ChannelId channel;
    channel.bytes = hub_->state().find_agent("b")->id.bytes;
    return channel;
  }

  /// Everything that the body causes, up to the frames for the receiver; returns their bytes.
  std::size_t route(Bytes body) {
    received_bytes_ = 0;
    tell(FramesArrived{kSender, body});
    return received_bytes_;
  }

  void acknowledge_up_to(std::uint64_t delivery) {
    BodyWriter writer;
    writer.write(Receipt{kSession, ReceiptKind::kAckUpTo, delivery, {}, kUnbounded, 0, {}});
    const ByteBuffer body = writer.take();
    tell(FramesArrived{kReceiver, body});
  }

 private:
  void attach(ConnectionId connection, AdmittedKey identity, AttachMode mode) {
    Attach attach;
    attach.request_id = 1;
    attach.session = kSession;
    attach.agent = identity.name;
    attach.mode = mode;
    attach.credit_until = kUnbounded;
    attach.credit_bytes = kUnbounded;
    attach.epoch = 1;
    tell(PeerOpened{connection, std::move(identity), false});
    BodyWriter writer;
    writer.write(Hello{kWireVersionMajor, kWireVersionMinor, {}, "micro"});
    writer.write(attach);
    const ByteBuffer body = writer.take();
    tell(FramesArrived{connection, body});
  }

  void tell(Event event) {
    std::vector<Event> events;
    events.push_back(std::move(event));
    settle(std::move(events));
  }

  /// Until there is nothing left to answer.
  void settle(std::vector<Event> events) {
    while (!events.empty()) {
      now_.monotonic_ns += 1000;
      now_.wall_ns += 1000;
      Effects effects;
      hub_->handle(now_, events, effects);
      events = carry_out(effects);
    }
  }

  std::vector<Event> carry_out(const Effects& effects) {
    std::vector<Event> answers;
    for (const Effect& effect : effects) {
      if (const auto* commit = std::get_if<WriteCommit>(&effect))
        answers.emplace_back(Committed{commit->commit.number});
      if (const auto* save = std::get_if<WriteCheckpoint>(&effect))
        answers.emplace_back(CheckpointDone{save->checkpoint.applied, std::nullopt});
      if (const auto* drop = std::get_if<DropSegment>(&effect))
        answers.emplace_back(SegmentDropped{drop->first, std::nullopt, drop->keeps_cold});
      if (const auto* send = std::get_if<SendBody>(&effect))
        if (send->connection == kReceiver) received_bytes_ += send->body.size();
    }
    return answers;
  }

  Time now_{1'000'000'000, 1'700'000'000'000'000'000};
  std::unique_ptr<Hub> hub_;
  std::size_t received_bytes_ = 0;
};

/// From a body part of send frames to the receiver's frames: decode, admit, order, pack into
/// blocks, commit, apply, index, deliver. The acknowledgement of the one before is in the figure.
void route_body(benchmark::State& state) {
  Core core;
  EnvelopeTemplate envelope(static_cast<std::size_t>(state.range(0)));
  const ChannelId mailbox = core.mailbox();
  std::uint64_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::uint64_t delivered = number;
    BodyWriter writer;
    ByteBuffer addressed;
    while (writer.size() < kBatchBytesTarget) {
      const Bytes written = envelope.write(++number, 0);
      addressed.assign(written.begin(), written.end());
      stamp_envelope(addressed.data(), EnvelopeId{}, 0, mailbox, AgentId{});
      writer.write(SendView{kSession, number, addressed});
    }
    const ByteBuffer body = writer.take();
    state.ResumeTiming();
    if (delivered > 0) core.acknowledge_up_to(delivered);
    CAPSTAN_CHECK(core.route(body) > body.size() / 2);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
}
BENCHMARK(route_body)->Arg(64)->Arg(256)->Arg(1024);

}  // namespace
}  // namespace capstan::bench
