// The way of one body part through the hub. Nothing else calls the stages.
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

}  // namespace

void run_pipeline(Core& core, Connection& connection, Bytes body, Batch& scratch) {
  const ConnectionId id = connection.id;
  const Validated validated = validate(ingest(connection, body, scratch));
  std::vector<BatchItem>& items = validated.batch().items;
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
      // A bye ends the connection; what follows it in the row has no owner.
      if (core.find_connection(id) == nullptr) return;
    }
    ++i;
  }
  if (!validated.batch().well_formed) {
    refuse_frame(core, connection, 0, ErrorCode::kMalformedFrame,
                 "the body part ends with bytes that are no msgpack bin; whole frames before them "
                 "were taken");
  }
}

}  // namespace capstan
