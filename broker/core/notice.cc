// Mail from the hub itself: what became of envelopes that will not be delivered.
#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "stages.h"

namespace capstan {

namespace {

/// Who never reads its mail must not pin the journal with what it is told.
constexpr std::uint32_t kNoticeTtlSeconds = 7 * 24 * 3600;

ByteBuffer make_notice(AgentId to, std::string_view event, const ParamMap& data) {
  Envelope notice;
  notice.ttl_seconds = kNoticeTtlSeconds;
  notice.channel_id = mailbox_of(to);
  notice.event_type = event;
  notice.event_data = encode_params(data);
  ByteBuffer bytes;
  encode_envelope(notice, bytes);
  return bytes;
}

/// Where nothing is stored, it waits for what it tells to be durable, and no longer.
void store_notice(Core& core, AgentId to, const ByteBuffer& notice) {
  if (core.inbox_of(to).durability == Durability::kMemory) {
    core.consequences().notices.emplace_back(to, notice);
    return;
  }
  const auto view = parse_envelope(notice);
  CAPSTAN_CHECK(view.has_value());
  (void)store_envelope(core, *core.inbox_of(to).mailbox, mailbox_of(to), AgentId{}, *view, 0, 0);
}

void note_dropped(Core& core, AgentId to, std::string_view event, std::string_view reason) {
  core.audit("notice_dropped", "agent=" + to.hex() + " event=" + std::string(event) +
                                   " reason=" + std::string(reason));
}

/// For people; programs have the ids.
std::string text_of(const Core& core, const ChannelId& channel, std::size_t envelopes,
                    const std::string& reason) {
  const AgentRecord* agent = core.state.find_agent(owner_of_mailbox(channel));
  return std::to_string(envelopes) + (envelopes == 1 ? " envelope" : " envelopes") + " to " +
         (agent == nullptr ? std::string("a removed agent") : agent->name) +
         " will not be delivered: " + reason;
}

}  // namespace

void post_notice(Core& core, AgentId to, std::string_view event, const ParamMap& data) {
  store_notice(core, to, make_notice(to, event, data));
}

void pass_on_notice(Core& core, AgentId to, const ByteBuffer& notice) {
  const auto view = parse_envelope(notice);
  CAPSTAN_CHECK(view.has_value());
  Session* receiver = open_receiver(core, to);
  if (receiver == nullptr) return note_dropped(core, to, view->event_type(), "not_delivered");
  (void)pass_on(core, *receiver, AgentId{}, *view);
}

void notify_sender(Core& core, AgentId sender, const ChannelId& channel, std::string_view event,
                   const std::vector<EnvelopeId>& ids, const std::string& reason) {
  // The hub's own notices have no sender: notices make no notices.
  if (core.state.find_agent(sender) == nullptr) return;
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const EnvelopeId& id : ids) texts.push_back(id.hex());
  const ByteBuffer notice =
      make_notice(sender, event,
                  ParamMap()
                      .set("channel_id", ByteBuffer(channel.bytes.begin(), channel.bytes.end()))
                      .set("envelope_ids", std::move(texts))
                      .set("reason", reason)
                      .set("text", text_of(core, channel, ids.size(), reason)));
  const Inbox& inbox = core.inbox_of(sender);
  const bool stores = inbox.durability != Durability::kMemory;
  const bool disk_full = core.disk && core.disk->state == DiskState::kFull;
  if (stores && (disk_full || !core.has_room(*inbox.mailbox, notice.size()))) {
    note_dropped(
        core, sender, event,
        (disk_full ? "disk_full" : "inbox_full") + (" envelopes=" + std::to_string(ids.size())));
    return;
  }
  store_notice(core, sender, notice);
}

}  // namespace capstan
