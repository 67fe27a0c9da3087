#include "agent_envelope.h"

#include <gtest/gtest.h>

#include "capstan/codec/envelope.h"

namespace capstan::bench {
namespace {

TEST(EnvelopeTemplate, AnEnvelopeOfSomebodyElseHasNoStamp) {
  Envelope envelope;
  envelope.event_data = encode_text_event("short");
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  EXPECT_FALSE(read_stamp(bytes));
  EXPECT_FALSE(read_stamp(Bytes{}));
}

// Goal: the payload is as large as asked for, whichever of msgpack's three bin heads it takes.
TEST(EnvelopeTemplate, EventDataHasExactlyTheSizeAskedFor) {
  for (std::size_t size : {24U, 64U, 255U, 256U, 260U, 261U, 262U, 1024U, 65'540U, 65'541U, 65'542U,
                           65'543U, 524'288U}) {
    EnvelopeTemplate envelope(size);
    const auto decoded = decode_envelope(envelope.write(0, 0));
    ASSERT_TRUE(decoded) << size;
    EXPECT_EQ(decoded->event_data.size(), size);
  }
}

TEST(EnvelopeTemplate, TheStampIsReadAsItWasWritten) {
  EnvelopeTemplate envelope(256);
  const auto first = read_stamp(envelope.write(7, 8));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->index, 7U);
  EXPECT_EQ(first->due_ns, 8U);
  const auto second = read_stamp(envelope.write(kEndIndex, 0));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->index, kEndIndex);
  EXPECT_EQ(second->due_ns, 0U);
}

}  // namespace
}  // namespace capstan::bench
