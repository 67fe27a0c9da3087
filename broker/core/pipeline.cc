// The way of one body part through the hub, in batches. Nothing else calls the stages.
#include "batch.h"
#include "stages.h"

namespace capstan {

namespace {

constexpr auto kSendType = static_cast<std::uint8_t>(FrameType::kSend);
constexpr auto kReceiptType = static_cast<std::uint8_t>(FrameType::kReceipt);

/// A stretch of sends, envelope by envelope in the order of arrival, because each may change what
/// the next may do.
std::size_t take_sends(Core& core, const Validated& validated, std::size_t begin) {
  const Authorized authorized = authorize(core, validated, begin);
  for (std::size_t i = authorized.begin(); i < authorized.end(); ++i) {
    if (const auto routed = route(core, authorized, i)) {
      if (const auto admitted = admit(core, *routed)) commit(core, *admitted);
    }
  }
  return authorized.end();
}

/// False: a bye has ended the connection; what follows it in the row has no owner.
bool take_batch(Core& core, Connection& connection, const Validated& validated) {
  const ConnectionId id = connection.id;
  const std::vector<BatchItem>& items = validated.batch().items;
  for (std::size_t i = 0; i < items.size();) {
    const BatchItem& item = items[i];
    if (item.type == kSendType && connection.welcomed) {
      i = take_sends(core, validated, i);
      continue;
    }
    if (item.error != ErrorCode::kOk) {
      refuse_frame(core, connection, item.type, item.error, "not a frame (PROTOCOL.md §3)");
    } else if (item.type == kReceiptType && connection.welcomed) {
      acknowledge(core, connection, item.receipt);
    } else {
      handle_control(core, connection, item.type, item.frame);
      if (core.find_connection(id) == nullptr) return false;
    }
    ++i;
  }
  return true;
}

}  // namespace

void run_pipeline(Core& core, Connection& connection, const FramesArrived& arrived,
                  Batch& scratch) {
  if (arrived.parts_dropped != 0) {
    refuse_frame(
        core, connection, 0, ErrorCode::kMalformedFrame,
        "one body part a message: " + std::to_string(arrived.parts_dropped) + " more were dropped");
  }
  FrameRow row(arrived.body);
  do {
    if (!take_batch(core, connection, validate(ingest(connection, row, scratch)))) return;
    if (drop_if_overfull(core, connection)) return;
  } while (!scratch.items.empty());
  if (!row.well_formed()) {
    refuse_frame(core, connection, 0, ErrorCode::kMalformedFrame,
                 "the body part ends with bytes that are no msgpack bin; whole frames before them "
                 "were taken");
  }
}

}  // namespace capstan
