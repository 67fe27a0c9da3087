// Stage 3: who sends is who the connection may be.
#include "batch.h"

namespace capstan {

namespace {

constexpr auto kSendType = static_cast<std::uint8_t>(FrameType::kSend);

ErrorCode check_sender(Core& core, const BatchItem& item) {
  if (item.error != ErrorCode::kOk) return item.error;
  if (item.session == nullptr) return ErrorCode::kUnknownSession;
  if (item.send.envelope.empty()) return ErrorCode::kOk;
  const AgentId sender = item.envelope.sender_id();
  // Zero leaves it to the hub to fill in; anything else must be the session's own agent.
  if (sender.is_zero() || sender == item.session->agent) return ErrorCode::kOk;
  ++core.counters.refused_identity;
  core.audit("access_denied", "key=" + item.session->connection->identity.name + " session_agent=" +
                                  item.session->agent.hex() + " claimed_sender=" + sender.hex());
  return ErrorCode::kAccessDenied;
}

}  // namespace

Authorized authorize(Core& core, Validated validated, std::size_t begin) {
  Batch& batch = validated.batch();
  std::size_t end = begin;
  Session* session = nullptr;
  for (; end < batch.items.size() && batch.items[end].type == kSendType; ++end) {
    BatchItem& item = batch.items[end];
    if (session == nullptr || session->id != item.send.session) {
      const auto at = batch.connection->sessions.find(item.send.session);
      session = at == batch.connection->sessions.end() ? nullptr : at->second.get();
    }
    item.session = session;
    item.error = check_sender(core, item);
  }
  return Authorized(batch, begin, end);
}

}  // namespace capstan
