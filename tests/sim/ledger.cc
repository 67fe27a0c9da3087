#include "ledger.h"

#include "capstan/codec/envelope.h"
#include "trace.h"

namespace capstan::sim {

std::string Ledger::take(const Block& block) {
  fresh_.clear();
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->sequence != last_.plus(1)) {
      return "sequence " + std::to_string(record->sequence.value) + " follows " +
             std::to_string(last_.value);
    }
    last_ = record->sequence;
    if (std::string wrong = take_record(*record); !wrong.empty()) {
      return "record " + std::to_string(last_.value) + ": " + wrong;
    }
  }
  return reader.at_end() ? "" : "a record is longer than its block";
}

std::string Ledger::take_record(const RecordView& record) {
  switch (record.type) {
    case RecordType::kEnvelope:
      return take_envelope(record);
    case RecordType::kAgent: {
      const auto agent = decode_agent_record(record.payload);
      if (!agent) return "not an agent record";
      if (agents_.count(agent->name) != 0) return "agent '" + agent->name + "' is made twice";
      agents_[agent->name] = *agent;
      boxes_.try_emplace(mailbox_of(agent->id));
      return {};
    }
    case RecordType::kSettled: {
      const auto settled = decode_settled_record(record.payload);
      return settled ? take_settled(*settled) : "not a settlement";
    }
    case RecordType::kSkipped: {
      const auto skipped = decode_skipped_record(record.payload);
      return skipped ? take_number(skipped->producer, skipped->number, {}) : "not a skip";
    }
    case RecordType::kGap:
      return "a gap on a sound disk";
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
  if (stored->position.value != box->mail.size() + 1) {
    return "position " + std::to_string(stored->position.value) + " follows " +
           std::to_string(box->mail.size());
  }
  const EnvelopeId id = view->envelope_id();
  if (id <= last_id_) return "id " + id.hex() + " does not grow above " + last_id_.hex();
  if (id.sequence() != record.sequence) return "the id does not name its sequence";
  last_id_ = id;
  box->mail.push_back({id, view->sender_id(), tag_of(view->event_data()), hash_of(stored->envelope),
                       stored->envelope.size(), false, false});
  box->pending_bytes += stored->envelope.size();
  const std::pair place{view->channel_id(), stored->position};
  by_sequence_.emplace(record.sequence.value, place);
  fresh_.push_back(place);
  return take_number({view->sender_id(), stored->epoch}, stored->number, id);
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

std::string Ledger::take_settled(const SettledRecord& record) {
  Box* box = find_box(record.channel);
  if (box == nullptr) return "a settlement for no mailbox";
  if (record.why != SettledWhy::kAcknowledged) return "settled by a gap on a sound disk";
  for (const Interval& interval : record.intervals) {
    for (std::uint64_t p = interval.first.value; p <= interval.last.value; ++p) {
      if (p == 0 || p > box->mail.size()) return "a settlement of what is not stored";
      Stored& mail = box->mail[p - 1];
      if (mail.settled) return "position " + std::to_string(p) + " is settled twice";
      mail.settled = true;
      ++box->settled_count;
      box->pending_bytes -= mail.bytes;
      fresh_.emplace_back(record.channel, Position{p});
    }
  }
  while (box->settled_floor < box->mail.size() && box->mail[box->settled_floor].settled) {
    ++box->settled_floor;
  }
  return {};
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

std::optional<AgentId> Ledger::agent_id(const std::string& name) const {
  const auto at = agents_.find(name);
  if (at == agents_.end()) return std::nullopt;
  return at->second.id;
}

}  // namespace capstan::sim
