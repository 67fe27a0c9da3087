// Stage 4: the channel that an envelope names. A refusal of an earlier stage is answered here, in
// the order of arrival, because it keeps the number open for those that follow.
#include "batch.h"

namespace capstan {

namespace {

std::string reason(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedFrame:
      return "the envelope is not in the compact form (PROTOCOL.md §4)";
    case ErrorCode::kTooLarge:
      return "the envelope is larger than welcome's limit; send a reference instead";
    case ErrorCode::kAccessDenied:
      return "sender_id is not the agent of this session";
    case ErrorCode::kUnknownSession:
      return "no such session on this connection; attach first";
    default:
      return {};
  }
}

}  // namespace

std::optional<Routed> route(Core& core, const Authorized& authorized, std::size_t i) {
  BatchItem& item = authorized[i];
  if (item.error != ErrorCode::kOk) {
    refuse(core, authorized.connection(), item, item.error, reason(item.error));
    return std::nullopt;
  }
  if (core.stopping) {
    refuse(core, authorized.connection(), item, ErrorCode::kHubStopping,
           "the hub is stopping; send again after a reconnect");
    return std::nullopt;
  }
  if (item.send.envelope.empty()) return Routed(item, nullptr, ChannelId{}, Durability::kSynced);
  const ChannelId channel = item.envelope.channel_id();
  Session& session = *item.session;
  if (session.last_mailbox == nullptr || session.last_channel != channel) {
    Mailbox* mailbox = core.state.find_mailbox(channel);
    // That of a removed agent stands until its waiting mail is buried.
    if (mailbox == nullptr || core.state.find_retired(owner_of_mailbox(channel)) != nullptr) {
      // What was stored before the agent was removed is not refused afterwards.
      if (accept_if_settled(core, item)) return std::nullopt;
      refuse(core, authorized.connection(), item, ErrorCode::kNotFound,
             "no channel " + channel.hex());
      return std::nullopt;
    }
    const AgentRecord* owner = core.state.find_agent(owner_of_mailbox(channel));
    session.last_channel = channel;
    session.last_mailbox = mailbox;
    session.last_durability = owner == nullptr ? Durability::kSynced : owner->durability;
  }
  return Routed(item, session.last_mailbox, channel, session.last_durability);
}

}  // namespace capstan
