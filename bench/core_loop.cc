#include "core_loop.h"

#include <utility>
#include <variant>

#include "capstan/codec/compact.h"
#include "capstan/codec/limits.h"

namespace capstan::bench {

namespace {

constexpr ConnectionId kSender{1, 1};
constexpr ConnectionId kReceiver{2, 1};
constexpr std::uint64_t kUnbounded = std::uint64_t{1} << 40;

}  // namespace

CoreLoop::CoreLoop() {
  Effects effects;
  hub_ = std::make_unique<Hub>(HubConfig{}, State(), HubStart{}, now_, effects);
  settle(carry_out(effects));
  tell(KeysChanged{{AdmittedKey{"a", {1}, {"a"}}, AdmittedKey{"b", {2}, {"b"}}}});
  attach(kSender, {"a", {1}, {"a"}}, AttachMode::kPost);
  attach(kReceiver, {"b", {2}, {"b"}}, AttachMode::kReceive);
}

ChannelId CoreLoop::mailbox() const { return mailbox_of(hub_->state().find_agent("b")->id); }

std::size_t CoreLoop::route(Bytes body) {
  received_bytes_ = 0;
  tell(FramesArrived{kSender, body});
  return received_bytes_;
}

void CoreLoop::acknowledge_up_to(std::uint64_t delivery) {
  BodyWriter writer;
  writer.write(Receipt{kSession, ReceiptKind::kAckUpTo, delivery, {}, kUnbounded, 0, {}});
  const ByteBuffer body = writer.take();
  tell(FramesArrived{kReceiver, body});
}

void CoreLoop::attach(ConnectionId connection, AdmittedKey identity, AttachMode mode) {
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
  writer.write(Hello{kWireVersionMajor, kWireVersionMinor, {}, "core_loop"});
  writer.write(attach);
  const ByteBuffer body = writer.take();
  tell(FramesArrived{connection, body});
}

void CoreLoop::tell(Event event) {
  std::vector<Event> events;
  events.push_back(std::move(event));
  settle(std::move(events));
}

void CoreLoop::settle(std::vector<Event> events) {
  while (!events.empty()) {
    now_.monotonic_ns += 1000;
    now_.wall_ns += 1000;
    Effects effects;
    hub_->handle(now_, events, effects);
    events = carry_out(effects);
  }
}

std::vector<Event> CoreLoop::carry_out(const Effects& effects) {
  std::vector<Event> answers;
  for (const Effect& effect : effects) {
    if (const auto* commit = std::get_if<WriteCommit>(&effect)) {
      answers.emplace_back(Committed{commit->commit.number});
    } else if (const auto* save = std::get_if<WriteCheckpoint>(&effect)) {
      answers.emplace_back(CheckpointDone{save->checkpoint.applied, std::nullopt});
    } else if (const auto* drop = std::get_if<DropSegment>(&effect)) {
      answers.emplace_back(SegmentDropped{drop->first, std::nullopt, drop->keeps_cold});
    } else if (const auto* send = std::get_if<SendBody>(&effect)) {
      if (send->connection == kReceiver) received_bytes_ += send->body.size();
    }
  }
  return answers;
}

}  // namespace capstan::bench
