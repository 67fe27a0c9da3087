#include <gtest/gtest.h>

#include "batch.h"

namespace capstan {
namespace {

const ByteBuffer kEnvelope{0x9e, 0x01};

TEST(Ingest, MarksWhatIsNoFrameAndReadsTheRest) {
  BodyWriter body;
  body.write(SendView{3, 17, kEnvelope});
  body.append_body({0xc4, 0x01, 0xc1});              // No array.
  body.append_body({0xc4, 0x02, 0x91, 0x04});        // A send without fields.
  body.append_body({0xc4, 0x02, 0x91, 0x07});        // A receipt without fields.
  body.append_body({0xc4, 0x03, 0x91, 0xcc, 0xc8});  // A type of tomorrow.
  body.write(Receipt{3, ReceiptKind::kAckUpTo, 9, {}, 100});
  const ByteBuffer bytes = body.take();
  Connection connection;
  Batch scratch;
  FrameRow row(bytes);
  const Batch& batch = ingest(connection, row, scratch).batch();
  ASSERT_EQ(batch.items.size(), 6U);
  EXPECT_TRUE(row.well_formed());
  EXPECT_EQ(batch.connection, &connection);

  EXPECT_EQ(batch.items[0].error, ErrorCode::kOk);
  EXPECT_EQ(batch.items[0].send.number, 17U);
  EXPECT_TRUE(equal(batch.items[0].send.envelope, kEnvelope));
  for (const std::size_t bad : {1U, 2U, 3U}) {
    EXPECT_EQ(batch.items[bad].error, ErrorCode::kMalformedFrame) << bad;
  }
  EXPECT_EQ(batch.items[4].error, ErrorCode::kOk) << "unknown types are somebody else's";
  EXPECT_EQ(batch.items[4].type, 200);
  EXPECT_EQ(batch.items[5].receipt.delivery, 9U);
}

TEST(Ingest, ForgetsTheBatchBefore) {
  Connection connection;
  Batch scratch;
  BodyWriter body;
  body.write(Ping{1});
  const ByteBuffer bytes = body.take();
  FrameRow row(bytes);
  EXPECT_EQ(ingest(connection, row, scratch).batch().items.size(), 1U);
  const ByteBuffer broken{0x01};
  FrameRow broken_row(broken);
  EXPECT_TRUE(ingest(connection, broken_row, scratch).batch().items.empty());
  EXPECT_FALSE(broken_row.well_formed());
}

// Goal: no body part makes more items than one batch, however small its frames are.
TEST(Ingest, ABodyPartOfTheSmallestFramesComesInBatchesAndTakesNoMoreMemoryThanOne) {
  constexpr std::size_t kFrames = 10 * kFramesPerBatchMax + 7;
  ByteBuffer bytes;
  for (std::size_t i = 0; i < kFrames; ++i) append(bytes, ByteBuffer{0xc4, 0x00});
  Connection connection;
  Batch scratch;
  FrameRow row(bytes);
  std::size_t taken = 0;
  while (!ingest(connection, row, scratch).batch().items.empty()) {
    ASSERT_LE(scratch.items.size(), kFramesPerBatchMax);
    for (const BatchItem& item : scratch.items) {
      ASSERT_EQ(item.error, ErrorCode::kMalformedFrame);
    }
    taken += scratch.items.size();
  }
  EXPECT_EQ(taken, kFrames);
  EXPECT_TRUE(row.well_formed());
  EXPECT_LE(scratch.items.capacity(), 2 * kFramesPerBatchMax);
}

}  // namespace
}  // namespace capstan
