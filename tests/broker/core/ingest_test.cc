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
  const Batch& batch = ingest(connection, bytes, scratch).batch();
  ASSERT_EQ(batch.items.size(), 6U);
  EXPECT_TRUE(batch.well_formed);
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
  const ByteBuffer broken{0x01};
  EXPECT_FALSE(ingest(connection, broken, scratch).batch().well_formed);
  BodyWriter body;
  body.write(Ping{1});
  const ByteBuffer bytes = body.take();
  const Batch& batch = ingest(connection, bytes, scratch).batch();
  EXPECT_TRUE(batch.well_formed);
  EXPECT_EQ(batch.items.size(), 1U);
  EXPECT_TRUE(ingest(connection, {}, scratch).batch().items.empty());
}

}  // namespace
}  // namespace capstan
