#include "ledger.h"

#include <algorithm>

#include "capstan/base/clock.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "capstan/core/state.h"
#include "trace.h"

namespace capstan::sim {

namespace {

void raise_floor(Box& box) {
  while (box.settled_floor < box.mail.size() && box.mail[box.settled_floor].settled) {
    ++box.settled_floor;
  }
  // A gap does not know how many bytes it took.
  if (box.settled_count == box.mail.size()) {
    box.pending_bytes = 0;
    box.gone = box.retired;
  }
}

}  // namespace

std::string Ledger::take(const Block& block) {
  fresh_.clear();
  skipped_.clear();
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->sequence != last_.plus(1)) {
      return "sequence " + std::to_string(record->sequence.value) + " follows " +
             std::to_string(last_.value);
    }
    last_ = record->sequence;
    if (std::string wrong = take_record(*record, std::max(block.time_first_ns, block.time_last_ns));
        !wrong.empty()) {
      return "record " + std::to_string(last_.value) + ": " + wrong;
    }
  }
  return reader.at_end() ? "" : "a record is longer than its block";
}

std::string Ledger::take_record(const RecordView& record, std::uint64_t wall_ns) {
  switch (record.type) {
    case RecordType::kEnvelope:
      return take_envelope(record);
    case RecordType::kAgent: {
      const auto agent = decode_agent_record(record.payload);
      if (!agent) return "not an agent record";
      if (std::string wrong = check_change(*agent); !wrong.empty()) return wrong;
      if (agents_.count(agent->name) == 0 && find_box(mailbox_of(agent->id)) != nullptr) {
        return "the id of a removed agent comes again";
      }
      agents_[agent->name] = *agent;
      present_.insert(agent->id);
      Box& box = boxes_[mailbox_of(agent->id)];
      box.owner = agent->name;
      box.memory = agent->durability == Durability::kMemory;
      return {};
    }
    case RecordType::kAgentRetired: {
      const auto retired = decode_agent_retired_record(record.payload);
      return retired ? take_retired(*retired) : "not a retired agent";
    }
    case RecordType::kSettled: {
      const auto settled = decode_settled_record(record.payload);
      return settled ? take_settled(*settled, wall_ns) : "not a settlement";
    }
    case RecordType::kSkipped: {
      const auto skipped = decode_skipped_record(record.payload);
      if (!skipped) return "not a skip";
      for (std::uint64_t i = 0; i < skipped->count; ++i) {
        std::string wrong = take_number(skipped->producer, skipped->number + i, {});
        if (!wrong.empty()) return wrong;
        skipped_.push_back({skipped->producer, skipped->number + i, record.sequence});
      }
      return {};
    }
    case RecordType::kDuplicate: {
      const auto duplicate = decode_duplicate_record(record.payload);
      if (!duplicate) return "not a duplicate";
      if (find(duplicate->id) == nullptr) return "a duplicate of what is not stored";
      return take_number(duplicate->producer, duplicate->number, duplicate->id);
    }
    case RecordType::kRetry: {
      const auto retry = decode_retry_record(record.payload);
      return retry ? take_retry(*retry) : "not a retry";
    }
    case RecordType::kDead: {
      const auto dead = decode_dead_record(record.payload);
      return dead ? take_dead(*dead, record.sequence) : "not a dead letter";
    }
    case RecordType::kDeadDropped: {
      const auto dropped = decode_dead_dropped_record(record.payload);
      if (!dropped) return "not a dropped dead letter";
      return letters_[dropped->agent].erase(dropped->dead) == 1 ? "" : "no such dead letter";
    }
    case RecordType::kGap: {
      const auto gap = decode_gap_record(record.payload);
      return gap ? take_gap(*gap) : "not a gap";
    }
    case RecordType::kSnapshotBegin:
      snapshot_ = record.sequence;
      return {};
    default:
      return {};
  }
}

std::string Ledger::take_envelope(const RecordView& record) {
  const auto stored = decode_envelope_record(record);
  if (!stored) return "not an envelope record";
  const auto view = parse_envelope(stored->envelope);
  if (!view) return "not an envelope";
  Box* box = find_box(view->channel_id());
  if (box == nullptr) return "an envelope for no mailbox";
  if (box->retired) return "an envelope for a removed agent";
  if (box->memory) return "an envelope for a mailbox that stores nothing";
  if (stored->position.value != box->mail.size() + 1) {
    return "position " + std::to_string(stored->position.value) + " follows " +
           std::to_string(box->mail.size());
  }
  const EnvelopeId id = view->envelope_id();
  if (id <= last_id_) return "id " + id.hex() + " does not grow above " + last_id_.hex();
  if (id.sequence() != record.sequence) return "the id does not name its sequence";
  last_id_ = id;
  if (stored->priority != view->priority())
    return "the record has another priority than the envelope";
  Stored mail;
  mail.id = id;
  mail.sender = view->sender_id();
  mail.tag = tag_of(view->event_data());
  mail.hash = hash_of(stored->envelope);
  mail.bytes = stored->envelope.size();
  mail.priority = static_cast<std::uint8_t>(view->priority());
  mail.expires_s = expiry_of(view->created_at_ns(), view->ttl_seconds());
  mail.from_hub = view->sender_id().is_zero();
  box->mail.push_back(mail);
  box->pending_bytes += stored->envelope.size();
  const std::pair place{view->channel_id(), stored->position};
  by_sequence_.emplace(record.sequence.value, place);
  fresh_.push_back(place);
  stored_.push_back({id, kRecordHeaderBytes + record.payload.size()});
  if (mail.from_hub) {
    if (stored->epoch != 0) return "a notice has a number";
    if (view->event_type() == "capstan.delivery.dead") return take_death_notice(*view);
    return view->event_type() == "capstan.gap" ? take_gap_notice(*view) : "";
  }
  if (std::string wrong = take_key(*view, id); !wrong.empty()) return wrong;
  return take_number({view->sender_id(), stored->epoch}, stored->number, id);
}

std::string Ledger::take_key(const EnvelopeView& envelope, const EnvelopeId& id) {
  if (envelope.idempotency_key().empty()) return {};
  const std::string key(as_text(envelope.idempotency_key()));
  EnvelopeId& last = keys_[{envelope.sender_id(), key}];
  const bool known = !last.is_zero() && last.clock_ns() + kKeyWindowNs >= id.clock_ns();
  last = id;
  return known ? "key " + key + " is stored twice within its hour" : "";
}

Stored* Ledger::find_mail(const ChannelId& channel, Position position) {
  Box* box = find_box(channel);
  if (box == nullptr || position.value == 0 || position.value > box->mail.size()) return nullptr;
  return &box->mail[position.value - 1];
}

std::string Ledger::take_retry(const RetryRecord& record) {
  Stored* mail = find_mail(record.channel, record.position);
  if (mail == nullptr) return "a retry of what is not stored";
  if (mail->lost) return {};  // It was at its receiver, and comes back.
  if (mail->settled) return "a retry of what is settled";
  if (record.attempts != mail->failed + 1) return "an attempt is missing or counted twice";
  mail->failed = record.attempts;
  ++failures_;
  return {};
}

std::string Ledger::take_dead(const DeadRecord& record, Sequence sequence) {
  const Stored* mail = find_mail(record.channel, record.position);
  if (mail == nullptr || mail->settled) return "a dead letter of what does not wait";
  if (record.agent != owner_of_mailbox(record.channel)) return "a dead letter of somebody else";
  if (std::string wrong = take_burial(*find_box(record.channel), *mail, record); !wrong.empty()) {
    return wrong;
  }
  if (hash_of(record.envelope) != mail->hash) return "a dead letter is no copy";
  if (record.attempts != mail->failed) return "a dead letter counts other attempts than the WAL";
  dead_.insert({record.channel, record.position});
  letters_[record.agent].insert(sequence);
  return {};
}

/// The mail of a removed agent dies in the order of arrival, over all of its priorities.
std::string Ledger::take_burial(Box& box, const Stored& mail, const DeadRecord& record) {
  if (box.retired != (record.reason == "agent removed")) return "a dead letter with a wrong reason";
  if (!box.retired) return {};
  if (mail.id <= box.last_buried) return "mail of a removed agent is not buried in its order";
  box.last_buried = mail.id;
  return {};
}

std::string Ledger::take_number(const ProducerId& producer, std::uint64_t number,
                                const EnvelopeId& id) {
  Series& series = series_[producer];
  if (!series.numbers.emplace(number, id).second) {
    return "number " + std::to_string(number) + " of epoch " + std::to_string(producer.epoch) +
           " is stored twice";
  }
  while (series.numbers.count(series.floor + 1) != 0) ++series.floor;
  return {};
}

std::string Ledger::take_settled(const SettledRecord& record, std::uint64_t wall_ns) {
  Box* box = find_box(record.channel);
  if (box == nullptr) return "a settlement for no mailbox";
  if (box->memory && record.why == SettledWhy::kAcknowledged) {
    return "a settlement for a mailbox that stores nothing";
  }
  const bool by_gap = record.why == SettledWhy::kGap;
  for (const Interval& interval : record.intervals) {
    if (record.why == SettledWhy::kPassed) {
      if (std::string wrong = take_passed(*box, interval); !wrong.empty()) return wrong;
      continue;
    }
    if (by_gap) {
      const std::uint64_t before = lost_count_;
      if (std::string wrong = take_settled_by_gap(*box, interval); !wrong.empty()) return wrong;
      if (lost_count_ > before && !box->retired) owed_[record.channel] += lost_count_ - before;
      continue;
    }
    for (std::uint64_t p = interval.first.value; p <= interval.last.value; ++p) {
      if (p == 0 || p > box->mail.size()) return "a settlement of what is not stored";
      Stored& mail = box->mail[p - 1];
      // A burial settles all that stood in a block, also what was settled before.
      if (mail.settled && box->retired && record.why == SettledWhy::kDead) continue;
      if (mail.lost) {  // It was at its receiver, which has it all the same.
        box->pending_bytes -= std::min(box->pending_bytes, mail.bytes);
        continue;
      }
      if (mail.settled) return "position " + std::to_string(p) + " is settled twice";
      if (record.why == SettledWhy::kExpired &&
          (mail.expires_s == 0 || mail.expires_s > wall_ns / kNsPerSecond)) {
        return "position " + std::to_string(p) + " expires before its time";
      }
      if (record.why == SettledWhy::kDead && dead_.count({record.channel, Position{p}}) == 0) {
        return "position " + std::to_string(p) + " died without a dead letter";
      }
      mail.settled = true;
      mail.why = record.why;
      if (mail.why == SettledWhy::kDead) expect_notice(mail);
      ++box->settled_count;
      box->pending_bytes -= mail.bytes;
      fresh_.emplace_back(record.channel, Position{p});
    }
  }
  raise_floor(*box);
  return {};
}

std::string Ledger::take_passed(Box& box, const Interval& interval) {
  if (interval.first.value != box.mail.size() + 1) return "positions are passed over in the middle";
  for (std::uint64_t p = interval.first.value; p <= interval.last.value; ++p) {
    Stored passed;
    passed.settled = true;
    passed.lost = true;
    passed.why = SettledWhy::kPassed;
    box.mail.push_back(passed);
    ++box.settled_count;
  }
  return {};
}

std::string Ledger::take_settled_by_gap(Box& box, const Interval& interval) {
  for (std::uint64_t p = interval.first.value; p <= interval.last.value; ++p) {
    if (p == 0 || p > box.mail.size()) return "a gap settles what is not stored";
    Stored& mail = box.mail[p - 1];
    if (mail.settled) continue;
    const Sequence sequence = mail.id.sequence();
    if (!is_rotten({sequence, sequence})) {
      return "position " + std::to_string(p) + " is settled by a gap, and its block is sound";
    }
    mail.settled = true;
    mail.lost = true;
    ++box.settled_count;
    ++lost_count_;
  }
  return {};
}

// No position is given out twice: so many are passed over as the gap may have held.
std::string Ledger::take_gap(const Gap& gap) {
  if (!is_exact(gap)) {
    return "a gap that is not what the disk has damaged: " + std::to_string(gap.first.value) +
           " to " + std::to_string(gap.last.value);
  }
  if (!owed_.empty()) return "a gap is recorded before the one before it is told of";
  gaps_.insert(gap);
  last_gap_ = gap;
  for (auto& [channel, box] : boxes_) {
    if (box.gone) continue;
    for (std::uint64_t n = gap.first.value; n <= gap.last.value; ++n) {
      Stored passed;
      passed.settled = true;
      passed.lost = true;
      box.mail.push_back(passed);
      ++box.settled_count;
    }
    raise_floor(box);
  }
  return {};
}

std::string Ledger::take_retired(const AgentRetiredRecord& record) {
  const auto agent = std::find_if(agents_.begin(), agents_.end(), [&](const auto& known) {
    return known.second.id == record.agent;
  });
  if (agent == agents_.end()) return "an agent is removed that is not there";
  agents_.erase(agent);
  present_.erase(record.agent);
  Box& box = boxes_.at(mailbox_of(record.agent));
  box.retired = true;
  raise_floor(box);
  return {};
}

void Ledger::expect_notice(const Stored& mail) {
  // Who stores nothing is told by no record.
  if (present_.count(mail.sender) == 0 || boxes_.at(mailbox_of(mail.sender)).memory) return;
  unannounced_[mail.id] = mail.sender;
}

std::string Ledger::take_death_notice(const EnvelopeView& notice) {
  const auto data = decode_params(notice.event_data());
  const auto* ids = data ? data->texts("envelope_ids") : nullptr;
  if (ids == nullptr) return "a notice names no envelopes";
  for (const std::string& text : *ids) {
    const auto id = EnvelopeId::from_text(text);
    const auto died = id ? unannounced_.find(*id) : unannounced_.end();
    if (died == unannounced_.end()) return "a notice names what has not died just now: " + text;
    if (mailbox_of(died->second) != notice.channel_id()) return "a notice goes to somebody else";
    unannounced_.erase(died);
  }
  return {};
}

std::size_t Ledger::take_unannounced() {
  const std::size_t count = unannounced_.size();
  unannounced_.clear();
  return count;
}

/// Of a gap above the checkpoint nobody would know whose mail it held; no block turns bad there.
std::string Ledger::take_gap_notice(const EnvelopeView& notice) {
  const auto owed = owed_.find(notice.channel_id());
  if (owed == owed_.end()) return "an agent is told of a gap that cost it nothing, or again";
  const auto data = decode_params(notice.event_data());
  if (!data || data->number("first_sequence") != last_gap_->first.value ||
      data->number("last_sequence") != last_gap_->last.value ||
      data->number("envelopes") != owed->second || data->flag("may_be_more") != false) {
    return "a notice tells of another gap than the one that was recorded";
  }
  owed_.erase(owed);
  ++gap_notices_;
  return {};
}

std::string Ledger::untold() const {
  if (owed_.empty()) return {};
  return "nobody tells mailbox " + owed_.begin()->first.hex() + " of the " +
         std::to_string(owed_.begin()->second) + " envelopes that it lost";
}

bool Ledger::is_rotten(const Gap& range) const {
  auto block = rotten_.upper_bound(range.first);
  if (block == rotten_.begin()) return false;
  block = std::prev(block);
  Sequence next = block->first;
  for (; block != rotten_.end() && block->first == next; ++block) {
    if (range.last <= block->second) return range.first <= block->second;
    next = block->second.plus(1);
  }
  return false;
}

bool Ledger::is_exact(const Gap& range) const {
  const bool ends_whole = std::any_of(rotten_.begin(), rotten_.end(), [&](const auto& block) {
    return block.second == range.last;
  });
  return ends_whole && rotten_.count(range.first) != 0 && is_rotten(range);
}

bool Ledger::is_in_gap(Sequence sequence) const {
  return std::any_of(gaps_.begin(), gaps_.end(),
                     [&](const Gap& gap) { return gap.first <= sequence && sequence <= gap.last; });
}

bool Ledger::may_be_missing(const Stored& stored) const {
  return stored.lost || is_rotten({stored.id.sequence(), stored.id.sequence()});
}

Box* Ledger::find_box(const ChannelId& channel) {
  const auto at = boxes_.find(channel);
  return at == boxes_.end() ? nullptr : &at->second;
}

const Series* Ledger::find_series(const ProducerId& producer) const {
  const auto at = series_.find(producer);
  return at == series_.end() ? nullptr : &at->second;
}

const Stored* Ledger::find(const EnvelopeId& id) const {
  const auto at = by_sequence_.find(id.sequence().value);
  if (at == by_sequence_.end()) return nullptr;
  const Stored& stored = boxes_.at(at->second.first).mail[at->second.second.value - 1];
  return stored.id == id ? &stored : nullptr;
}

std::string Ledger::check_change(const AgentRecord& agent) const {
  const auto at = agents_.find(agent.name);
  if (at == agents_.end()) return agent.version == 1 ? "" : "an agent begins with a later version";
  const AgentRecord& before = at->second;
  if (agent.id != before.id || agent.key != before.key ||
      agent.created_at_ns != before.created_at_ns) {
    return "agent '" + agent.name + "' became another one";
  }
  if (agent.version != before.version + 1) {
    return "agent '" + agent.name + "' goes from version " + std::to_string(before.version) +
           " to " + std::to_string(agent.version);
  }
  return {};
}

std::optional<AgentId> Ledger::agent_id(const std::string& name) const {
  const auto at = agents_.find(name);
  if (at == agents_.end()) return std::nullopt;
  return at->second.id;
}

bool Ledger::was_agent(const AgentId& id, const std::string& name) const {
  const auto box = boxes_.find(mailbox_of(id));
  return box != boxes_.end() && box->second.owner == name;
}

bool Ledger::is_retired(const AgentId& id) const {
  const auto box = boxes_.find(mailbox_of(id));
  return box != boxes_.end() && box->second.retired;
}

}  // namespace capstan::sim
