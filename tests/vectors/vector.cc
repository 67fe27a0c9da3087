#include "vector.h"

#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "capstan/codec/record.h"

namespace capstan {

namespace {

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// ---- Frames: the fields in the order of PROTOCOL.md §5.

Json fields_of(const Hello& f) {
  return {{"frame", "hello"},
          {"version_major", f.version_major},
          {"version_minor", f.version_minor},
          {"features", f.features},
          {"client", f.client}};
}

Json fields_of(const Welcome& f) {
  return {{"frame", "welcome"},
          {"version_major", f.version_major},
          {"version_minor", f.version_minor},
          {"features", f.features},
          {"boot", f.boot.hex()},
          {"envelope_bytes_max", f.envelope_bytes_max},
          {"batch_bytes_max", f.batch_bytes_max},
          {"window_envelopes", f.window.envelopes},
          {"window_bytes", f.window.bytes},
          {"heartbeat_ms", f.heartbeat_ms},
          {"lease_ms", f.lease_ms},
          {"operations", f.operations}};
}

Json since_of(const Since& since) {
  switch (since.kind) {
    case Since::Kind::kNothing:
      return nullptr;
    case Since::Kind::kAll:
      return "";
    case Since::Kind::kAfter:
      return since.after.hex();
  }
  return nullptr;
}

Json fields_of(const Attach& f) {
  return {{"frame", "attach"},
          {"request_id", f.request_id},
          {"session", f.session},
          {"agent", f.agent},
          {"mode", static_cast<unsigned>(f.mode)},
          {"since", since_of(f.since)},
          {"credit_until", f.credit_until},
          {"credit_bytes", f.credit_bytes},
          {"epoch", f.epoch},
          {"first_number", f.first_number}};
}

Json fields_of(const SendView& f) {
  return {{"frame", "send"},
          {"session", f.session},
          {"number", f.number},
          {"envelope", f.envelope.empty() ? Json(nullptr) : Json(to_hex(f.envelope))}};
}

Json fields_of(const Accept& f) {
  return {{"frame", "accept"},
          {"session", f.session},
          {"first_number", f.first_number},
          {"count", f.count},
          {"first_id", f.first_id.hex()},
          {"window_envelopes", f.window.envelopes},
          {"window_bytes", f.window.bytes}};
}

Json fields_of(const NotifyView& f) {
  return {{"frame", "notify"},    {"session", f.session},         {"delivery", f.delivery},
          {"attempt", f.attempt}, {"position", f.position.value}, {"envelope", to_hex(f.envelope)}};
}

Json what_of(const Receipt& receipt) {
  switch (receipt.kind) {
    case ReceiptKind::kCredit:
      return nullptr;
    case ReceiptKind::kAck:
      return receipt.envelope_id.hex();
    case ReceiptKind::kAckUpTo:
    case ReceiptKind::kNack:
    case ReceiptKind::kWorking:
      return receipt.delivery;
  }
  return nullptr;
}

Json fields_of(const Receipt& f) {
  Json fields{{"frame", "receipt"},
              {"session", f.session},
              {"kind", static_cast<unsigned>(f.kind)},
              {"what", what_of(f)},
              {"credit_until", f.credit_until}};
  if (f.kind == ReceiptKind::kNack) {
    fields["delay_ms"] = f.delay_ms;
    fields["reason"] = f.reason;
  }
  return fields;
}

Json fields_of(const ErrorFrame& f) {
  return {{"frame", "error"},
          {"session", f.session},
          {"about", static_cast<unsigned>(f.about)},
          {"reference", f.reference},
          {"code", static_cast<unsigned>(f.code)},
          {"message", f.message}};
}

Json fields_of(const Ping& f) { return {{"frame", "ping"}, {"nonce", f.nonce}}; }

Json fields_of(const Pong& f) {
  Json cursors = Json::array();
  for (const auto& [session, position] : f.cursors) {
    cursors.push_back(Json::array({session, position.value}));
  }
  return {{"frame", "pong"}, {"nonce", f.nonce}, {"cursors", std::move(cursors)}};
}

Json fields_of(const Request& f) {
  return {{"frame", "request"},
          {"request_id", f.request_id},
          {"operation", f.operation},
          {"params", to_hex(f.params)}};
}

Json fields_of(const Response& f) {
  return {{"frame", "response"},
          {"request_id", f.request_id},
          {"code", static_cast<unsigned>(f.code)},
          {"message", f.message},
          {"result", to_hex(f.result)}};
}

Json fields_of(const Bye& f) {
  return {{"frame", "bye"},
          {"code", static_cast<unsigned>(f.code)},
          {"message", f.message},
          {"session", f.session}};
}

Json fields_of(const Subscribe& f) {
  return {{"frame", "subscribe"},
          {"request_id", f.request_id},
          {"topic", f.topic},
          {"boot", f.boot.hex()},
          {"version", f.version}};
}

Json fields_of(const Unsubscribe& f) {
  return {{"frame", "unsubscribe"}, {"request_id", f.request_id}, {"topic", f.topic}};
}

Json fields_of(const Presence& f) {
  Json agents = Json::array();
  for (const AgentPresence& agent : f.agents) {
    agents.push_back(Json::array(
        {agent.agent.hex(), agent.name, static_cast<unsigned>(agent.state), agent.since_ns}));
  }
  return {{"frame", "presence"},
          {"snapshot", f.snapshot ? 1 : 0},
          {"version", f.version},
          {"more", f.more ? 1 : 0},
          {"agents", std::move(agents)}};
}

template <typename Frame>
Result<Decoded> again(const Frame& frame) {
  BodyWriter writer;
  writer.write(frame);
  return Decoded{fields_of(frame), writer.take()};
}

template <typename Frame>
Result<Decoded> again(const std::optional<Frame>& frame) {
  if (!frame) return {ErrorCode::kMalformedFrame, "the fast path refused it"};
  return again(*frame);
}

Result<Decoded> decode_frame(Bytes body) {
  FrameRow row(body);
  const auto frame = row.next();
  CAPSTAN_CHECK(frame.has_value() && !row.next().has_value() && row.well_formed());
  const auto type = peek_type(*frame);
  if (!type) return {ErrorCode::kMalformedFrame, "no type"};
  switch (static_cast<FrameType>(*type)) {
    case FrameType::kSend:
      return again(decode_send(*frame));
    case FrameType::kAccept:
      return again(decode_accept(*frame));
    case FrameType::kNotify:
      return again(decode_notify(*frame));
    case FrameType::kReceipt:
      return again(decode_receipt(*frame));
    default:
      break;
  }
  const auto control = decode_control(*frame);
  if (!control) return control.error();
  return std::visit([](const auto& typed) { return again(typed); }, *control);
}

/// A row is a fact about bytes, not a value: only its fields are compared.
Result<Decoded> decode_body(Bytes body) {
  Json types = Json::array();
  FrameRow row(body);
  while (const auto frame = row.next()) {
    const auto type = peek_type(*frame);
    types.push_back(type ? Json(*type) : Json(nullptr));
  }
  Json fields{{"types", std::move(types)}, {"well_formed", row.well_formed()}};
  return Decoded{std::move(fields), ByteBuffer(body.begin(), body.end())};
}

// ---- Envelopes and parameters.

Result<Decoded> decode_envelope_vector(Bytes bytes) {
  const auto envelope = decode_envelope(bytes);
  if (!envelope) return envelope.error();
  const Envelope& e = *envelope;
  Json audience = nullptr;
  if (e.audience) {
    audience = Json::array();
    for (const AgentId& agent : *e.audience) audience.push_back(agent.hex());
  }
  Decoded decoded;
  decoded.fields = {{"envelope_id", e.envelope_id.hex()},
                    {"created_at_ns", e.created_at_ns},
                    {"channel_id", e.channel_id.hex()},
                    {"sender_id", e.sender_id.hex()},
                    {"audience", std::move(audience)},
                    {"event_type", e.event_type},
                    {"event_data", to_hex(e.event_data)},
                    {"priority", static_cast<unsigned>(e.priority)},
                    {"depth", e.depth},
                    {"ttl_seconds", or_null(e.ttl_seconds)},
                    {"task_id", or_null(e.task_id)},
                    {"causation_id", or_null(e.causation_id)},
                    {"trace_id", or_null(e.trace_id)},
                    {"idempotency_key", or_null(e.idempotency_key)}};
  encode_envelope(e, decoded.encoded);
  return decoded;
}

Json fields_of(const ParamMap& params);

struct ParamFields {
  Json operator()(std::uint64_t value) const { return value; }
  Json operator()(bool value) const { return value; }
  Json operator()(const std::string& value) const { return value; }
  Json operator()(const ByteBuffer& value) const { return {{"bin", to_hex(value)}}; }
  Json operator()(const std::vector<std::string>& values) const { return values; }
  Json operator()(const std::vector<ParamMap>& values) const {
    Json maps = Json::array();
    for (const ParamMap& value : values) maps.push_back({{"map", fields_of(value)}});
    return maps;
  }
};

Json fields_of(const ParamMap& params) {
  Json fields = Json::object();
  for (const auto& [key, value] : params.values()) fields[key] = std::visit(ParamFields(), value);
  return fields;
}

Result<Decoded> decode_params_vector(Bytes bytes) {
  const auto params = decode_params(bytes);
  if (!params) return params.error();
  return Decoded{fields_of(*params), encode_params(*params)};
}

// ---- Records: FORMAT.md §4.

Json intervals_of(const std::vector<Interval>& intervals) {
  Json pairs = Json::array();
  for (const Interval& interval : intervals) {
    pairs.push_back(Json::array({interval.first.value, interval.last.value}));
  }
  return pairs;
}

Json fields_of(const EnvelopeRecord& r) {
  Json recipients = Json::array();
  for (std::size_t at = 0; at < r.recipients.size(); at += 16) {
    recipients.push_back(to_hex(r.recipients.subspan(at, 16)));
  }
  return {{"record", "envelope"},
          {"position", r.position.value},
          {"epoch", r.epoch},
          {"number", r.number},
          {"priority", static_cast<unsigned>(r.priority)},
          {"recipients", std::move(recipients)},
          {"envelope", to_hex(r.envelope)}};
}

Json fields_of(const AgentRecord& r) {
  return {{"record", "agent"},
          {"id", r.id.hex()},
          {"key", to_hex(r.key)},
          {"role", static_cast<unsigned>(r.role)},
          {"durability", static_cast<unsigned>(r.durability)},
          {"version", r.version},
          {"created_at_ns", r.created_at_ns},
          {"updated_at_ns", r.updated_at_ns},
          {"registered_at_ns", r.registered_at_ns},
          {"name", r.name},
          {"passport", to_hex(r.profile.passport)},
          {"resume", to_hex(r.profile.resume)},
          {"skill", r.profile.skill},
          {"rule", to_hex(r.profile.rule)}};
}

Json fields_of(const SettledRecord& r) {
  return {{"record", "settled"},        {"agent", r.agent.hex()},
          {"channel", r.channel.hex()}, {"why", static_cast<unsigned>(r.why)},
          {"bytes", r.bytes},           {"intervals", intervals_of(r.intervals)}};
}

Json fields_of(const SkippedRecord& r) {
  Json fields{{"record", "skipped"},
              {"agent", r.producer.agent.hex()},
              {"epoch", r.producer.epoch},
              {"number", r.number}};
  if (r.count != 1) fields["count"] = r.count;
  return fields;
}

Json fields_of(const DuplicateRecord& r) {
  return {{"record", "duplicate"},
          {"agent", r.producer.agent.hex()},
          {"epoch", r.producer.epoch},
          {"number", r.number},
          {"id", r.id.hex()}};
}

Json fields_of(const RetryRecord& r) {
  return {{"record", "retry"},
          {"agent", r.agent.hex()},
          {"channel", r.channel.hex()},
          {"position", r.position.value},
          {"priority", static_cast<unsigned>(r.priority)},
          {"attempts", r.attempts},
          {"failed_at_ns", r.failed_at_ns},
          {"delay_ms", r.delay_ms},
          {"reason", r.reason}};
}

Json fields_of(const DeadRecord& r) {
  return {{"record", "dead"},           {"agent", r.agent.hex()},
          {"channel", r.channel.hex()}, {"position", r.position.value},
          {"attempts", r.attempts},     {"died_at_ns", r.died_at_ns},
          {"reason", r.reason},         {"envelope", to_hex(r.envelope)}};
}

Json fields_of(const DeadDroppedRecord& r) {
  return {{"record", "dead_dropped"}, {"agent", r.agent.hex()}, {"dead", r.dead.value}};
}

Json fields_of(const AgentRetiredRecord& r) {
  return {
      {"record", "agent_retired"}, {"agent", r.agent.hex()}, {"retired_at_ns", r.retired_at_ns}};
}

Json fields_of(const SegmentRecord& r) {
  return {
      {"record", "segment"}, {"first", r.first.value}, {"state", static_cast<unsigned>(r.state)}};
}

Json fields_of(const StartRecord& r) {
  return {{"record", "start"}, {"boot", r.boot.hex()}, {"wall_ns", r.wall_ns}};
}

Json fields_of(const Gap& r) {
  return {{"record", "gap"}, {"first", r.first.value}, {"last", r.last.value}};
}

Json fields_of(const SnapshotRow& r) {
  return {{"record", "snapshot_row"}, {"key", to_hex(r.key)}, {"value", to_hex(r.value)}};
}

template <typename Record>
Result<Decoded> record_again(const std::optional<Record>& record) {
  if (!record) return {ErrorCode::kDamaged, "not the record's shape"};
  Decoded decoded;
  decoded.fields = fields_of(*record);
  (void)encode_record(*record, decoded.encoded);
  return decoded;
}

Result<Decoded> marker_again(RecordType type, const char* name) {
  Decoded decoded;
  decoded.fields = {{"record", name}};
  encode_marker_record(type, decoded.encoded);
  return decoded;
}

Result<Decoded> decode_record_vector(Bytes bytes) {
  Block block;
  block.base = Sequence{1};
  block.records.assign(bytes.begin(), bytes.end());
  RecordReader reader(block);
  const auto record = reader.next();
  if (!record || !reader.at_end()) return {ErrorCode::kDamaged, "not one whole record"};
  switch (record->type) {
    case RecordType::kEnvelope:
      return record_again(decode_envelope_record(*record));
    case RecordType::kAgent:
      return record_again(decode_agent_record(record->payload));
    case RecordType::kSettled:
      return record_again(decode_settled_record(record->payload));
    case RecordType::kSkipped:
      return record_again(decode_skipped_record(record->payload));
    case RecordType::kDuplicate:
      return record_again(decode_duplicate_record(record->payload));
    case RecordType::kRetry:
      return record_again(decode_retry_record(record->payload));
    case RecordType::kDead:
      return record_again(decode_dead_record(record->payload));
    case RecordType::kDeadDropped:
      return record_again(decode_dead_dropped_record(record->payload));
    case RecordType::kAgentRetired:
      return record_again(decode_agent_retired_record(record->payload));
    case RecordType::kSegment:
      return record_again(decode_segment_record(record->payload));
    case RecordType::kStart:
      return record_again(decode_start_record(record->payload));
    case RecordType::kGap:
      return record_again(decode_gap_record(record->payload));
    case RecordType::kSnapshotBegin:
      return marker_again(record->type, "snapshot_begin");
    case RecordType::kSnapshotRow:
      return record_again(decode_snapshot_row(record->payload));
    case RecordType::kSnapshotEnd:
      return marker_again(record->type, "snapshot_end");
  }
  return {ErrorCode::kDamaged, "no record of this version"};
}

}  // namespace

Result<Decoded> decode_vector(std::string_view kind, Bytes bytes) {
  if (kind == "body") return decode_body(bytes);
  if (kind == "frame") return decode_frame(bytes);
  if (kind == "envelope") return decode_envelope_vector(bytes);
  if (kind == "params") return decode_params_vector(bytes);
  CAPSTAN_CHECK(kind == "record");
  return decode_record_vector(bytes);
}

}  // namespace capstan
