// What one envelope costs the allocator on its way through the core. A program of its own, because
// it replaces operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <variant>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "capstan/core/hub.h"

namespace {

bool counting = false;
std::uint64_t allocations = 0;

}  // namespace

// Not inlined: the compiler would see malloc() beside delete, and warn of the mixture.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (counting) ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace capstan {
namespace {

constexpr ConnectionId kSender{1, 1};
constexpr ConnectionId kReceiver{2, 1};
constexpr SessionId kSession = 1;
constexpr std::uint64_t kUnbounded = std::uint64_t{1} << 40;

/// A core with a sender and a receiver; every commit is durable as soon as it is asked for.
class Pipeline {
 public:
  Pipeline() {
    Effects effects;
    hub_ = std::make_unique<Hub>(HubConfig{}, State(), HubStart{}, now_, effects);
    settle(answers_to(effects));
    tell(KeysChanged{{AdmittedKey{"a", {1}, {"a"}}, AdmittedKey{"b", {2}, {"b"}}}});
    attach(kSender, {"a", {1}, {"a"}}, AttachMode::kPost);
    attach(kReceiver, {"b", {2}, {"b"}}, AttachMode::kReceive);
  }

  /// Allocations of the core from the sender's body part to the receiver's, and for its receipt.
  std::uint64_t send_and_acknowledge(std::uint64_t count) {
    const ByteBuffer body = sends(count);
    const ByteBuffer receipt = acknowledgement();
    const std::uint64_t delivered_before = delivered_;
    allocations = 0;
    tell(FramesArrived{kSender, body});
    tell(FramesArrived{kReceiver, receipt});
    EXPECT_EQ(delivered_ - delivered_before, count);
    return allocations;
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
    writer.write(Hello{kWireVersionMajor, kWireVersionMinor, {}, "test"});
    writer.write(attach);
    const ByteBuffer body = writer.take();
    tell(FramesArrived{connection, body});
  }

  ByteBuffer sends(std::uint64_t count) {
    Envelope envelope;
    envelope.channel_id = mailbox_of(hub_->state().find_agent("b")->id);
    envelope.event_data = encode_text_event("a short text");
    ByteBuffer encoded;
    encode_envelope(envelope, encoded);
    BodyWriter writer;
    for (std::uint64_t i = 0; i < count; ++i) writer.write(SendView{kSession, ++number_, encoded});
    return writer.take();
  }

  /// Of all that will have been delivered.
  [[nodiscard]] ByteBuffer acknowledgement() const {
    BodyWriter writer;
    writer.write(Receipt{kSession, ReceiptKind::kAckUpTo, number_, {}, kUnbounded, 0, {}});
    return writer.take();
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
      counting = true;
      hub_->handle(now_, events, effects);
      counting = false;
      events = answers_to(effects);
    }
  }

  std::vector<Event> answers_to(const Effects& effects) {
    std::vector<Event> answers;
    for (const Effect& effect : effects) {
      if (const auto* commit = std::get_if<WriteCommit>(&effect)) {
        answers.emplace_back(Committed{commit->commit.number});
      } else if (const auto* save = std::get_if<WriteCheckpoint>(&effect)) {
        answers.emplace_back(CheckpointDone{save->checkpoint.applied, std::nullopt});
      } else if (const auto* send = std::get_if<SendBody>(&effect)) {
        count_delivered(*send);
      }
    }
    return answers;
  }

  void count_delivered(const SendBody& send) {
    FrameRow row(send.body);
    while (const auto frame = row.next()) {
      if (decode_notify(*frame)) ++delivered_;
    }
  }

  Time now_{1'000'000'000, 1'700'000'000'000'000'000};
  std::unique_ptr<Hub> hub_;
  std::uint64_t number_ = 0;
  std::uint64_t delivered_ = 0;
};

// Goal: blocks, body parts and commits cost the allocator something, one more envelope nothing.
// Method: twice as many envelopes in one body part. What comes on top are a few for each block of
// some 300 envelopes; it would be one for each envelope, or for each few of them, otherwise.
TEST(Allocations, AnEnvelopeNeedsNoneOfItsOwnFromSendToDeliveryAndReceipt) {
  constexpr std::uint64_t kEnvelopes = 2000;
  Pipeline pipeline;
  (void)pipeline.send_and_acknowledge(2 * kEnvelopes);
  (void)pipeline.send_and_acknowledge(2 * kEnvelopes);
  const std::uint64_t once = pipeline.send_and_acknowledge(kEnvelopes);
  (void)pipeline.send_and_acknowledge(2 * kEnvelopes);
  const std::uint64_t twice = pipeline.send_and_acknowledge(2 * kEnvelopes);
  EXPECT_LT(twice, once + kEnvelopes / 20) << once << " for " << kEnvelopes << " envelopes";
}

}  // namespace
}  // namespace capstan
