// Mail of written mailboxes between the operating system and the disk.
#include <algorithm>

#include "auditor.h"
#include "capstan/codec/envelope.h"
#include "trace.h"

namespace capstan::sim {

bool Auditor::is_written(const ChannelId& channel) const {
  const auto& agents = ledger_.agents();
  return std::any_of(agents.begin(), agents.end(), [&](const auto& entry) {
    return mailbox_of(entry.second.id) == channel &&
           entry.second.durability == Durability::kWritten;
  });
}

void Auditor::note_unsynced(const RecordView& record) {
  if (record.type != RecordType::kEnvelope) return;
  const auto stored = decode_envelope_record(record);
  const auto view = stored ? parse_envelope(stored->envelope) : std::nullopt;
  if (!view || !is_written(view->channel_id())) return;
  Unsynced& mail = unsynced_[view->envelope_id()];
  mail.channel = view->channel_id();
  mail.position = stored->position;
  mail.tag = tag_of(view->event_data());
  mail.hash = hash_of(stored->envelope);
  mail.producer = {view->sender_id(), stored->epoch};
  mail.number = stored->number;
}

void Auditor::written(std::span<const SharedBlock> blocks) {
  // A written commit is told twice: when the operating system has it, and when the journal is done.
  if (!written_ends_.insert(blocks.back()->last()).second) return;
  for (const SharedBlock& block : blocks) {
    RecordReader reader(*block);
    while (const auto record = reader.next()) note_unsynced(*record);
  }
}

Auditor::Unsynced* Auditor::find_unsynced(const EnvelopeId& id) {
  if (const auto at = unsynced_.find(id); at != unsynced_.end()) return &at->second;
  const auto at = lost_.find(id);
  return at == lost_.end() ? nullptr : &at->second;
}

/// It is durable now: what applications did with it counts as for any other.
void Auditor::settle_unsynced(const ChannelId& channel, Position position, Stored& stored) {
  const auto at = unsynced_.find(stored.id);
  if (at == unsynced_.end()) return;
  const Unsynced mail = at->second;
  unsynced_.erase(at);
  stored.acknowledged = stored.acknowledged || mail.acknowledged;
  if (!mail.shown) return;
  for (std::size_t agent = 0; agent < plan_.agents.size(); ++agent) {
    if (mailbox_of(id_of(agent)) != channel) continue;
    check_order(agent, *ledger_.find_box(channel), position.value);
  }
}

/// After a start: what is not among the records up to `last` went with the power.
void Auditor::forget_unsynced(Sequence last) {
  counts_.add(Count::kWrittenSurvived,
              written_ends_.empty() || last != *written_ends_.rbegin() ? 0 : written_ends_.size());
  for (auto& [id, mail] : unsynced_) {
    if (mail.told || mail.shown) counts_.add(Count::kWrittenLost);
    if (mail.told && mail.tag && *mail.tag > 0 && *mail.tag <= posts_.size()) {
      posts_[*mail.tag - 1].lost = true;
    }
    lost_.emplace(id, mail);
  }
  unsynced_.clear();
  written_ends_.clear();
  power_was_cut_ = false;
  ledger_.note_given_out(std::max(told_id_, passed_id_));
}

}  // namespace capstan::sim
