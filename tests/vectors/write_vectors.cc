// Writes the golden vectors: run once after a deliberate change of a format, never by a test.
//
//   write_vectors FOLDER
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "capstan/codec/limits.h"
#include "capstan/codec/params.h"
#include "vector_file.h"

namespace capstan {
namespace {

void write_control_frames(VectorFile& file) {
  file.valid("hello", "frame", body(Hello{1, 0, {}, "capstan-client/1"}));
  file.valid("hello with features", "frame",
             body(Hello{1, 7, {"compression", "shards"}, "someone else's client"}));
  Welcome welcome;
  welcome.version_major = kWireVersionMajor;
  welcome.version_minor = kWireVersionMinor;
  welcome.boot = id<BootId>(0xa0);
  welcome.envelope_bytes_max = kEnvelopeBytesMax;
  welcome.batch_bytes_max = kBatchBytesMax;
  welcome.window = {16'384, 4 * 1024 * 1024};
  welcome.heartbeat_ms = 2000;
  welcome.lease_ms = 10'000;
  welcome.operations = {"agent_add", "get_agent", "list_agents", "status"};
  file.valid("welcome", "frame", body(welcome));
  Attach attach;
  attach.request_id = 1;
  attach.session = 1;
  attach.agent = "alice";
  attach.epoch = 0x0123'4567'89ab'cdef;
  attach.since.kind = Since::Kind::kNothing;
  file.valid("attach to post", "frame", body(attach));
  attach.mode = AttachMode::kReceive;
  attach.since.kind = Since::Kind::kAll;
  attach.credit_until = 4096;
  attach.credit_bytes = 8 * 1024 * 1024;
  file.valid("attach to receive everything", "frame", body(attach));
  attach.request_id = 2;
  attach.since = {Since::Kind::kAfter, EnvelopeId::make(1'771'000'000'000'000'000, 0, Sequence{7})};
  attach.first_number = 5000;
  file.valid("attach to receive what came after an id", "frame", body(attach));
  file.valid("error about a send", "frame",
             body(ErrorFrame{1, FrameType::kSend, 17, ErrorCode::kInboxFull, "full"}));
  file.valid("error that ends a session", "frame",
             body(ErrorFrame{1, FrameType::kNone, 0, ErrorCode::kSuperseded, "another one came"}));
  file.valid("ping", "frame", body(Ping{7}));
  file.valid("ping with the largest nonce", "frame", body(Ping{UINT64_MAX}));
  file.valid("pong without receivers", "frame", body(Pong{7, {}}));
  file.valid("pong with two cursors", "frame",
             body(Pong{8, {{1, Position{0}}, {9, Position{70'000}}}}));
  file.valid("request", "frame",
             body(Request{3, "get_agent", encode_params(ParamMap().set("name", "bob"))}));
  const AgentId bob = id<AgentId>(0x10);
  const ParamMap found =
      ParamMap().set("agent_id", ByteBuffer(bob.bytes.begin(), bob.bytes.end())).set("name", "bob");
  file.valid("response", "frame", body(Response{3, ErrorCode::kOk, "", encode_params(found)}));
  file.valid("response that refuses", "frame",
             body(Response{4, ErrorCode::kNotFound, "no agent is named 'bo'", {}}));
  const std::string presence(kPresenceTopic);
  file.valid("subscribe", "frame", body(Subscribe{5, presence, {}, 0}));
  file.valid("subscribe that goes on", "frame", body(Subscribe{6, presence, welcome.boot, 4711}));
  file.valid("unsubscribe", "frame", body(Unsubscribe{7, presence}));
  file.valid("presence without a change", "frame", body(Presence{false, 4711, false, {}}));
  file.valid("presence that begins anew", "frame",
             body(Presence{true,
                           70'000,
                           true,
                           {{bob, "bob", PresenceState::kOnline, 1'771'000'000'123'456'789},
                            {id<AgentId>(0x20), "carol", PresenceState::kRemoved, 0}}}));
  file.valid("bye", "frame", body(Bye{}));
  file.valid("bye to one session", "frame", body(Bye{ErrorCode::kOk, "", 9}));
  file.valid("bye from a hub that stops", "frame",
             body(Bye{ErrorCode::kHubStopping, "the hub is stopping"}));
}

void write_fast_frames(VectorFile& file) {
  const ByteBuffer posted = compact(minimal());
  file.valid("send", "frame", body(SendView{1, 1, posted}));
  file.valid("send that skips a number", "frame", body(SendView{1, 6, {}}));
  Envelope large = minimal();
  large.event_data.assign(300, 0xab);
  const ByteBuffer large_bytes = compact(large);
  file.valid("send with the largest numbers", "frame",
             body(SendView{UINT32_MAX, UINT64_MAX, large_bytes}));
  const EnvelopeId first = EnvelopeId::make(0x1897'0c0f'ee00'0001, 0, Sequence{42});
  file.valid("accept of one", "frame", body(Accept{1, 1, 1, first, {16'384, 4'194'304}}));
  file.valid("accept of a run", "frame", body(Accept{1, 2, 511, first.plus(1), {16'384, 65'536}}));
  file.valid("accept of a skip", "frame", body(Accept{1, 6, 1, EnvelopeId{}, {16'384, 65'536}}));
  const ByteBuffer delivered = compact(stamped());
  file.valid("notify", "frame", body(NotifyView{1, 1, 1, Position{1}, delivered}));
  file.valid("notify again", "frame", body(NotifyView{1, 300, 2, Position{70'000}, delivered}));
  Receipt receipt{1, ReceiptKind::kCredit, 0, {}, 5000};
  file.valid("receipt with credit alone", "frame", body(receipt));
  receipt = {1, ReceiptKind::kAck, 0, first, 5001};
  file.valid("receipt for one envelope", "frame", body(receipt));
  receipt = {1, ReceiptKind::kAckUpTo, 128, {}, 5128};
  file.valid("receipt up to a delivery", "frame", body(receipt));
  receipt = {1, ReceiptKind::kNack, 7, {}, 5128, 1500, "no tool for it"};
  file.valid("receipt that a delivery has failed", "frame", body(receipt));
  receipt = {1, ReceiptKind::kWorking, 7, {}, 5128};
  file.valid("receipt that a delivery takes time", "frame", body(receipt));
}

void write_rows(VectorFile& file) {
  ByteBuffer two = body(Ping{1});
  append(two, body(Bye{}));
  file.valid("a row of two frames", "body", two);
  file.valid("a row of none", "body", {});
  ByteBuffer torn = body(Ping{1});
  append(torn, raw("c60000"));
  file.valid("a row with a torn end", "body", torn);
  ByteBuffer foreign = body(Ping{1});
  append(foreign, raw("a568656c6c6f"));
  file.valid("a row that ends with a text", "body", foreign);
  ByteBuffer broken_inside = framed(raw("c1"));
  append(broken_inside, body(Ping{2}));
  file.valid("a broken frame harms no other", "body", broken_inside);
}

void write_tolerated_frames(VectorFile& file) {
  file.tolerated("bin 8 around a frame", "frame", framed(raw("920907")));
  file.tolerated("a number longer than needed", "frame", framed(raw("9209cf0000000000000007")));
  file.tolerated("a number in a signed form", "frame", framed(raw("9209d10107")));
  file.tolerated("a number in a signed form in a send", "frame", framed(raw("940401d006c0")));
  file.tolerated("an array header longer than needed", "frame", framed(raw("dc00020907")));
  file.tolerated("fields of a newer minor version", "frame", framed(raw("940907a36e6577c3")));
  file.tolerated("fields of a newer version behind a send", "frame", framed(raw("95040106c0c3")));
  file.tolerated("nested eight deep", "frame", framed(raw("93090791919191919191c0")));
  file.tolerated("an error code of a newer hub", "frame", framed(raw("940fccfaa377777900")));
}

void write_envelopes(VectorFile& file) {
  file.valid("as a client posts it", "envelope", compact(minimal()));
  file.valid("as the hub delivers it", "envelope", compact(stamped()));
  file.valid("all fields set", "envelope", compact(with_everything()));
  const auto changed = [&](const std::string& name, const std::function<void(Envelope&)>& change) {
    Envelope envelope = stamped();
    change(envelope);
    file.valid(name, "envelope", compact(envelope));
  };
  changed("background", [](Envelope& e) { e.priority = Priority::kBackground; });
  changed("urgent", [](Envelope& e) { e.priority = Priority::kUrgent; });
  changed("time to live", [](Envelope& e) { e.ttl_seconds = 0; });
  changed("longest time to live and depth", [](Envelope& e) {
    e.ttl_seconds = UINT32_MAX;
    e.depth = UINT32_MAX;
  });
  changed("an audience of none", [](Envelope& e) { e.audience.emplace(); });
  changed("an audience of sixteen", [](Envelope& e) {
    e.audience.emplace();
    for (std::uint8_t i = 0; i < 16; ++i) e.audience->push_back(id<AgentId>(i));
  });
  changed("no data", [](Envelope& e) { e.event_data.clear(); });
  changed("data of 300 octets is a bin 16", [](Envelope& e) { e.event_data.assign(300, 0x5a); });
  changed("longest event type", [](Envelope& e) { e.event_type.assign(kEventTypeBytesMax, 't'); });
  changed("ids in capitals stay text", [](Envelope& e) {
    e.task_id = "000102030405060708090A0B0C0D0E0F";
    e.causation_id = "0001";
  });
  changed("longest texts", [](Envelope& e) {
    e.task_id = std::string(kTextIdBytesMax, 'i');
    e.causation_id = std::string(kTextIdBytesMax, 'c');
    e.trace_id = std::string(kTraceIdBytesMax, 'r');
    e.idempotency_key = std::string(kIdempotencyKeyBytesMax, 'k');
  });
  changed("empty texts are not nil", [](Envelope& e) {
    e.task_id = "";
    e.causation_id = "";
    e.trace_id = "";
    e.idempotency_key = "";
  });
}

void write_params(VectorFile& file) {
  file.valid("empty", "params", encode_params(ParamMap()));
  file.valid("one of each kind", "params",
             encode_params(ParamMap()
                               .set("bytes", raw("00ff"))
                               .set("flag", true)
                               .set("maps", std::vector<ParamMap>{ParamMap().set("name", "bob"),
                                                                  ParamMap().set("name", "eve")})
                               .set("no", false)
                               .set("number", std::uint64_t{UINT64_MAX})
                               .set("text", "t")
                               .set("texts", std::vector<std::string>{"worker-*", "carol"})));
  file.valid("an empty list", "params",
             encode_params(ParamMap().set("names", std::vector<std::string>{})));
  file.valid("agent_add with a durability", "params",
             encode_params(ParamMap()
                               .set("durability", "memory")
                               .set("key", ByteBuffer(32, 0x5a))
                               .set("name", "bob")
                               .set("names", std::vector<std::string>{"bob", "bob-*"})));
  file.tolerated("keys in another order", "params", raw("82a16201a16102"));
}

void write_records(VectorFile& file) {
  const ByteBuffer envelope = compact(stamped());
  file.valid("envelope for a mailbox", "record",
             recorded(EnvelopeRecord{Position{1}, 0x0123'4567'89ab'cdef, 1, {}, envelope}));
  const ByteBuffer recipients =
      joined(raw("303132333435363738393a3b3c3d3e3f"), raw("404142434445464748494a4b4c4d4e4f"));
  file.valid("envelope for two recipients", "record",
             recorded(EnvelopeRecord{Position{70'000}, 9, UINT64_MAX, recipients, envelope}));
  file.valid("urgent envelope from the hub", "record",
             recorded(EnvelopeRecord{Position{2}, 0, 0, {}, envelope, Priority::kUrgent}));
  AgentRecord agent = agent_record();
  file.valid("agent", "record", recorded(agent));
  agent.role = AgentRole::kAdmin;
  agent.key = {};
  agent.name = "operator";
  agent.registered_at_ns = 0;
  agent.profile = {};
  agent.durability = Durability::kMemory;
  file.valid("agent that is an operator", "record", recorded(agent));
  SettledRecord settled{id<AgentId>(0x10),
                        id<ChannelId>(0x10),
                        SettledWhy::kAcknowledged,
                        512,
                        {{Position{1}, Position{2}}, {Position{5}, Position{5}}}};
  file.valid("settled", "record", recorded(settled));
  settled.why = SettledWhy::kGap;
  settled.bytes = 0;
  settled.intervals = {{Position{3}, Position{UINT64_MAX}}};
  file.valid("settled by a gap", "record", recorded(settled));
  settled.why = SettledWhy::kPassed;
  settled.intervals = {{Position{8}, Position{16'391}}};
  file.valid("settled by a start that passes over", "record", recorded(settled));
  file.valid("skipped", "record", recorded(SkippedRecord{{id<AgentId>(0x20), 77}, 6}));
  file.valid("a stretch that is skipped", "record",
             recorded(SkippedRecord{{id<AgentId>(0x20), 77}, 7, 16'384}));
  file.valid("duplicate", "record",
             recorded(DuplicateRecord{{id<AgentId>(0x20), 77}, 7, id<EnvelopeId>(0x30)}));
  file.valid(
      "retry", "record",
      recorded(RetryRecord{id<AgentId>(0x10), id<ChannelId>(0x10), Position{9}, Priority::kUrgent,
                           3, 1'771'000'000'123'456'789, 60'000, "busy"}));
  file.valid("dead letter", "record",
             recorded(DeadRecord{id<AgentId>(0x10), id<ChannelId>(0x10), Position{9}, 16,
                                 1'771'000'000'123'456'789, "busy", envelope}));
  file.valid("dead letter dropped", "record",
             recorded(DeadDroppedRecord{id<AgentId>(0x10), Sequence{4711}}));
  file.valid("agent retired", "record",
             recorded(AgentRetiredRecord{id<AgentId>(0x10), 1'771'000'000'123'456'789}));
  for (const auto& [state, name] : {std::pair{SegmentState::kOpen, "open"},
                                    {SegmentState::kSealed, "sealed"},
                                    {SegmentState::kDropping, "dropping"},
                                    {SegmentState::kDropped, "dropped"},
                                    {SegmentState::kCold, "cold"}}) {
    file.valid(std::string("segment that is ") + name, "record",
               recorded(SegmentRecord{Sequence{1'000'001}, state}));
  }
  file.valid("start", "record", recorded(StartRecord{id<BootId>(0xa0), 1'771'000'000'123'456'789}));
  file.valid("gap", "record", recorded(Gap{Sequence{17}, Sequence{99}}));
  file.valid("snapshot begins", "record", marker(RecordType::kSnapshotBegin));
  const ByteBuffer key = raw("530000000000000001");
  const ByteBuffer value = raw("00");
  file.valid("snapshot row", "record", recorded(SnapshotRow{key, value}));
  file.valid("snapshot ends", "record", marker(RecordType::kSnapshotEnd));
}

void write_all(const std::string& folder) {
  VectorFile frames(folder + "/frames.jsonl");
  write_control_frames(frames);
  write_fast_frames(frames);
  write_rows(frames);
  write_tolerated_frames(frames);
  VectorFile envelopes(folder + "/envelopes.jsonl");
  write_envelopes(envelopes);
  VectorFile params(folder + "/params.jsonl");
  write_params(params);
  VectorFile records(folder + "/records.jsonl");
  write_records(records);
  VectorFile invalid(folder + "/invalid.jsonl");
  write_invalid_vectors(invalid);
}

}  // namespace
}  // namespace capstan

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_vectors FOLDER\n", stderr);
    return 2;
  }
  capstan::write_all(argv[1]);
  return 0;
}
