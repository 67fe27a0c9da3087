// Mail from the hub itself: what became of envelopes that will not be delivered.
#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "stages.h"

namespace capstan {

namespace {

/// Who never reads its mail must not pin the journal with what it is told.
constexpr std::uint32_t kNoticeTtlSeconds = 7 * 24 * 3600;

}  // namespace

void notify_sender(Core& core, AgentId sender, const ChannelId& channel, std::string_view event,
                   const std::vector<EnvelopeId>& ids, const std::string& reason) {
  // The hub's own notices have no sender: notices make no notices.
  if (core.state.find_agent(sender) == nullptr) return;
  Mailbox& mailbox = *core.inbox_of(sender).mailbox;
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const EnvelopeId& id : ids) texts.push_back(id.hex());
  Envelope notice;
  notice.ttl_seconds = kNoticeTtlSeconds;
  notice.channel_id = mailbox_of(sender);
  notice.event_type = event;
  notice.event_data =
      encode_params(ParamMap()
                        .set("channel_id", ByteBuffer(channel.bytes.begin(), channel.bytes.end()))
                        .set("envelope_ids", std::move(texts))
                        .set("reason", reason));
  ByteBuffer bytes;
  encode_envelope(notice, bytes);
  const auto view = parse_envelope(bytes);
  CAPSTAN_CHECK(view.has_value());
  const bool disk_full = core.disk && core.disk->state == DiskState::kFull;
  if (disk_full || !core.has_room(mailbox, bytes.size())) {
    core.audit("notice_dropped", "agent=" + sender.hex() + " event=" + std::string(event) +
                                     " reason=" + (disk_full ? "disk_full" : "inbox_full") +
                                     " envelopes=" + std::to_string(ids.size()));
    return;
  }
  (void)store_envelope(core, mailbox, notice.channel_id, AgentId{}, *view, 0, 0);
}

}  // namespace capstan
