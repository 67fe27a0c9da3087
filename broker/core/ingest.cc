// Stage 1: frames of a body part become items. Stateless, so that it can move to transport threads.
#include "batch.h"

namespace capstan {

namespace {

void read_fast_fields(BatchItem& item) {
  if (item.type == static_cast<std::uint8_t>(FrameType::kSend)) {
    if (const auto send = decode_send(item.frame)) {
      item.send = *send;
    } else {
      item.error = ErrorCode::kMalformedFrame;
    }
  } else if (item.type == static_cast<std::uint8_t>(FrameType::kReceipt)) {
    if (const auto receipt = decode_receipt(item.frame)) {
      item.receipt = *receipt;
    } else {
      item.error = ErrorCode::kMalformedFrame;
    }
  }
}

}  // namespace

Ingested ingest(Connection& connection, FrameRow& row, Batch& scratch) {
  scratch.connection = &connection;
  scratch.items.clear();
  while (scratch.items.size() < kFramesPerBatchMax) {
    const auto frame = row.next();
    if (!frame) break;
    BatchItem& item = scratch.items.emplace_back();
    item.frame = *frame;
    if (const auto type = peek_type(*frame)) {
      item.type = *type;
      read_fast_fields(item);
    } else {
      item.error = ErrorCode::kMalformedFrame;
    }
  }
  return Ingested(scratch);
}

}  // namespace capstan
