#include "record_text.h"

#include "capstan/codec/envelope.h"

namespace capstan::cli {

namespace {

using Json = nlohmann::ordered_json;
using Described = std::optional<Json>;

constexpr const char* kPriorities[] = {"background", "normal", "urgent"};
constexpr const char* kWhys[] = {"acknowledged", "gap", "expired", "dead", "passed"};

std::string hex_of(Bytes bytes) { return to_hex(bytes); }

/// The text of an EV_TEXT event, else its octets.
void add_payload(Json& out, const EnvelopeView& envelope) {
  const auto text = decode_text_event(envelope.event_data());
  if (text) {
    out["text"] = *text;
  } else {
    out["event_data"] = hex_of(envelope.event_data());
  }
}

Described describe_envelope(Json out, const RecordView& record, bool payload) {
  const auto stored = decode_envelope_record(record);
  const auto envelope = stored ? parse_envelope(stored->envelope) : std::nullopt;
  if (!envelope) return std::nullopt;
  out["position"] = stored->position.value;
  out["envelope_id"] = envelope->envelope_id().hex();
  out["channel_id"] = envelope->channel_id().hex();
  out["sender_id"] = envelope->sender_id().hex();
  out["epoch"] = stored->epoch;
  out["number"] = stored->number;
  out["priority"] = kPriorities[static_cast<std::size_t>(envelope->priority())];
  out["recipients"] = stored->recipients.size() / 16;
  out["event_type"] = envelope->event_type();
  out["bytes"] = stored->envelope.size();
  out["event_data_bytes"] = envelope->event_data().size();
  if (payload) add_payload(out, *envelope);
  return out;
}

Described describe_agent(Json out, Bytes payload) {
  const auto agent = decode_agent_record(payload);
  if (!agent) return std::nullopt;
  out["agent_id"] = agent->id.hex();
  out["name"] = agent->name;
  out["role"] = agent->role == AgentRole::kAdmin ? "admin" : "agent";
  out["durability"] = durability_text(agent->durability);
  out["version"] = agent->version;
  out["registered"] = agent->registered_at_ns != 0;
  return out;
}

Described describe_settled(Json out, Bytes payload) {
  const auto settled = decode_settled_record(payload);
  const auto why = settled ? static_cast<std::size_t>(settled->why) : std::size(kWhys);
  if (why >= std::size(kWhys)) return std::nullopt;
  out["agent_id"] = settled->agent.hex();
  out["channel_id"] = settled->channel.hex();
  out["why"] = kWhys[why];
  out["bytes"] = settled->bytes;
  Json intervals = Json::array();
  for (const Interval& interval : settled->intervals) {
    intervals.push_back({interval.first.value, interval.last.value});
  }
  out["positions"] = std::move(intervals);
  return out;
}

Described describe_skipped(Json out, Bytes payload) {
  const auto skipped = decode_skipped_record(payload);
  if (!skipped) return std::nullopt;
  out["sender_id"] = skipped->producer.agent.hex();
  out["epoch"] = skipped->producer.epoch;
  out["number"] = skipped->number;
  if (skipped->count != 1) out["count"] = skipped->count;
  return out;
}

Described describe_duplicate(Json out, Bytes payload) {
  const auto duplicate = decode_duplicate_record(payload);
  if (!duplicate) return std::nullopt;
  out["sender_id"] = duplicate->producer.agent.hex();
  out["epoch"] = duplicate->producer.epoch;
  out["number"] = duplicate->number;
  out["envelope_id"] = duplicate->id.hex();
  return out;
}

Described describe_retry(Json out, Bytes payload) {
  const auto retry = decode_retry_record(payload);
  if (!retry) return std::nullopt;
  out["agent_id"] = retry->agent.hex();
  out["channel_id"] = retry->channel.hex();
  out["position"] = retry->position.value;
  out["attempts"] = retry->attempts;
  out["failed_at_ns"] = retry->failed_at_ns;
  out["delay_ms"] = retry->delay_ms;
  out["reason"] = retry->reason;
  return out;
}

Described describe_dead(Json out, Bytes record, bool payload) {
  const auto dead = decode_dead_record(record);
  const auto envelope = dead ? parse_envelope(dead->envelope) : std::nullopt;
  if (!envelope) return std::nullopt;
  out["agent_id"] = dead->agent.hex();
  out["channel_id"] = dead->channel.hex();
  out["position"] = dead->position.value;
  out["envelope_id"] = envelope->envelope_id().hex();
  out["attempts"] = dead->attempts;
  out["died_at_ns"] = dead->died_at_ns;
  out["bytes"] = dead->envelope.size();
  out["reason"] = dead->reason;
  if (payload) add_payload(out, *envelope);
  return out;
}

Described describe_dead_dropped(Json out, Bytes payload) {
  const auto dropped = decode_dead_dropped_record(payload);
  if (!dropped) return std::nullopt;
  out["agent_id"] = dropped->agent.hex();
  out["dead"] = dropped->dead.value;
  return out;
}

Described describe_agent_retired(Json out, Bytes payload) {
  const auto retired = decode_agent_retired_record(payload);
  if (!retired) return std::nullopt;
  out["agent_id"] = retired->agent.hex();
  out["retired_at_ns"] = retired->retired_at_ns;
  return out;
}

Described describe_segment(Json out, Bytes payload) {
  constexpr const char* kStates[] = {"open", "sealed", "dropping", "dropped", "cold"};
  const auto segment = decode_segment_record(payload);
  const auto state = segment ? static_cast<std::size_t>(segment->state) : std::size(kStates);
  if (state >= std::size(kStates)) return std::nullopt;
  out["first"] = segment->first.value;
  out["state"] = kStates[state];
  return out;
}

Described describe_start(Json out, Bytes payload) {
  const auto start = decode_start_record(payload);
  if (!start) return std::nullopt;
  out["boot_id"] = start->boot.hex();
  out["wall_ns"] = start->wall_ns;
  return out;
}

Described describe_gap(Json out, Bytes payload) {
  const auto gap = decode_gap_record(payload);
  if (!gap) return std::nullopt;
  out["first"] = gap->first.value;
  out["last"] = gap->last.value;
  return out;
}

Described describe_row(Json out, Bytes payload) {
  const auto row = decode_snapshot_row(payload);
  if (!row || row->key.empty()) return std::nullopt;
  out["kind"] = std::string(1, static_cast<char>(row->key.front()));
  out["key"] = hex_of(row->key.subspan(1));
  out["bytes"] = row->value.size();
  return out;
}

}  // namespace

Described describe_record(const RecordView& record, bool payload) {
  const auto begin = [&](const char* type) {
    return Json{{"sequence", record.sequence.value}, {"type", type}};
  };
  switch (record.type) {
    case RecordType::kEnvelope:
      return describe_envelope(begin("envelope"), record, payload);
    case RecordType::kAgent:
      return describe_agent(begin("agent"), record.payload);
    case RecordType::kSettled:
      return describe_settled(begin("settled"), record.payload);
    case RecordType::kSkipped:
      return describe_skipped(begin("skipped"), record.payload);
    case RecordType::kSegment:
      return describe_segment(begin("segment"), record.payload);
    case RecordType::kStart:
      return describe_start(begin("start"), record.payload);
    case RecordType::kGap:
      return describe_gap(begin("gap"), record.payload);
    case RecordType::kSnapshotBegin:
      return begin("snapshot_begins");
    case RecordType::kSnapshotRow:
      return describe_row(begin("snapshot_row"), record.payload);
    case RecordType::kSnapshotEnd:
      return begin("snapshot_ends");
    case RecordType::kDuplicate:
      return describe_duplicate(begin("duplicate"), record.payload);
    case RecordType::kRetry:
      return describe_retry(begin("retry"), record.payload);
    case RecordType::kDead:
      return describe_dead(begin("dead"), record.payload, payload);
    case RecordType::kDeadDropped:
      return describe_dead_dropped(begin("dead_dropped"), record.payload);
    case RecordType::kAgentRetired:
      return describe_agent_retired(begin("agent_retired"), record.payload);
  }
  return std::nullopt;
}

std::string record_line(const Json& record) {
  std::string line;
  for (const auto& [key, value] : record.items()) {
    if (!line.empty()) line += ' ';
    if (key == "sequence" || key == "type") {
      line += value.is_string() ? value.get<std::string>() : value.dump();
      continue;
    }
    line += key + '=';
    // Names and texts are quoted, so that a line stays one line.
    const bool written = key == "text" || key == "name" || key == "reason";
    const bool bare = value.is_string() && !written;
    line += bare ? value.get<std::string>()
                 : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return line;
}

}  // namespace capstan::cli
