// What one envelope costs the allocator on its way through the core.
#include <gtest/gtest.h>

#include "allocation_count.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "core_loop.h"

namespace capstan {
namespace {

using bench::CoreLoop;
using test::allocation_count;

/// Posts on from number to number.
class Traffic {
 public:
  Traffic() {
    Envelope envelope;
    envelope.channel_id = core_.mailbox();
    envelope.event_data = encode_text_event("a short text");
    encode_envelope(envelope, encoded_);
  }

  /// Allocations from the sender's body part to the receiver's, and for its receipt.
  std::uint64_t send_and_acknowledge(std::uint64_t count) {
    BodyWriter writer;
    for (std::uint64_t i = 0; i < count; ++i) {
      writer.write(SendView{CoreLoop::kSession, ++number_, encoded_});
    }
    const ByteBuffer body = writer.take();
    const std::uint64_t before = allocation_count();
    const std::size_t received_bytes = core_.route(body);
    core_.acknowledge_up_to(number_);
    const std::uint64_t after = allocation_count();
    EXPECT_GT(received_bytes, count * encoded_.size()) << "all of it is delivered";
    return after - before;
  }

 private:
  CoreLoop core_;
  ByteBuffer encoded_;
  std::uint64_t number_ = 0;
};

// Goal: blocks, body parts and commits cost the allocator something, one more envelope nothing.
// Method: twice as many envelopes in one body part. What comes on top are a few for each block of
// some 300 envelopes; it would be one for each envelope, or for each few of them, otherwise.
TEST(Allocations, AnEnvelopeNeedsNoneOfItsOwnFromSendToDeliveryAndReceipt) {
  constexpr std::uint64_t kEnvelopes = 2000;
  Traffic traffic;
  (void)traffic.send_and_acknowledge(2 * kEnvelopes);
  (void)traffic.send_and_acknowledge(2 * kEnvelopes);
  const std::uint64_t once = traffic.send_and_acknowledge(kEnvelopes);
  (void)traffic.send_and_acknowledge(2 * kEnvelopes);
  const std::uint64_t twice = traffic.send_and_acknowledge(2 * kEnvelopes);
  EXPECT_LT(twice, once + kEnvelopes / 20) << once << " for " << kEnvelopes << " envelopes";
}

}  // namespace
}  // namespace capstan
