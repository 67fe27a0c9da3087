#include <gtest/gtest.h>

#include "batch.h"
#include "capstan/codec/limits.h"

namespace capstan {
namespace {

ErrorCode judgement(Bytes envelope) {
  BodyWriter body;
  body.write(SendView{1, 1, envelope});
  const ByteBuffer bytes = body.take();
  Connection connection;
  Batch scratch;
  FrameRow row(bytes);
  return validate(ingest(connection, row, scratch)).batch().items.at(0).error;
}

ByteBuffer envelope_with(std::size_t data_bytes) {
  Envelope envelope;
  envelope.event_data.resize(data_bytes);
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  return bytes;
}

TEST(Validate, RefusesWhatIsNoEnvelope) {
  const ByteBuffer good = envelope_with(10);
  for (std::size_t length = 1; length < good.size(); ++length) {
    EXPECT_EQ(judgement(Bytes(good).first(length)), ErrorCode::kMalformedFrame) << length;
  }
  EXPECT_EQ(judgement(good), ErrorCode::kOk);
}

TEST(Validate, RefusesAnEnvelopeAboveTheLimit) {
  const std::size_t rest = envelope_with(100'000).size() - 100'000;
  EXPECT_EQ(judgement(envelope_with(kEnvelopeBytesMax - rest + 1)), ErrorCode::kTooLarge);
  EXPECT_EQ(judgement(envelope_with(kEnvelopeBytesMax - rest)), ErrorCode::kOk);
}

TEST(Validate, ASkipNeedsNoEnvelope) { EXPECT_EQ(judgement({}), ErrorCode::kOk); }

}  // namespace
}  // namespace capstan
