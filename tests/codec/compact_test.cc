// The frames that carry the load are read where they lie.
#include "capstan/codec/compact.h"

#include <gtest/gtest.h>

#include "allocation_count.h"
#include "capstan/codec/envelope.h"
#include "samples.h"

namespace capstan {
namespace {

using test::allocation_count;

constexpr std::uint64_t kFrames = 1'000;

/// Frames of the four kinds in turn.
ByteBuffer busy_body() {
  const ByteBuffer envelope = codec_test::encoded(codec_test::full_envelope());
  BodyWriter body;
  for (std::uint64_t n = 1; n <= kFrames; ++n) {
    body.write(SendView{1, n, envelope});
    body.write(Accept{1, n, 1, {}, {100, 100}});
    body.write(NotifyView{1, n, 1, Position{n}, envelope});
    body.write(Receipt{1, ReceiptKind::kNack, n, {}, n, 5, "a reason"});
  }
  return body.take();
}

bool is_read(std::uint8_t type, Bytes frame) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kSend: {
      const auto send = decode_send(frame);
      return send && parse_envelope(send->envelope);
    }
    case FrameType::kAccept:
      return decode_accept(frame).has_value();
    case FrameType::kNotify: {
      const auto notify = decode_notify(frame);
      return notify && parse_envelope(notify->envelope);
    }
    case FrameType::kReceipt:
      return decode_receipt(frame).has_value();
    default:
      return false;
  }
}

TEST(Compact, ReadingTheFramesOfTheHotPathAllocatesNothing) {
  const ByteBuffer body = busy_body();
  EXPECT_GT(allocation_count(), 0U) << "they are counted";
  std::uint64_t frames = 0;
  const std::uint64_t before = allocation_count();
  FrameRow row(body);
  while (const auto frame = row.next()) {
    const auto type = peek_type(*frame);
    if (type && is_read(*type, *frame)) ++frames;
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(frames, 4 * kFrames);
}

TEST(Compact, StampingAnEnvelopeAllocatesNothing) {
  ByteBuffer bytes = codec_test::encoded(codec_test::full_envelope());
  const std::uint64_t before = allocation_count();
  stamp_envelope(bytes.data(), EnvelopeId{}, 1, ChannelId{}, AgentId{});
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace capstan
