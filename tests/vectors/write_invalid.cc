// What every reader has to refuse, and with which error.
#include <functional>
#include <string>
#include <utility>

#include "capstan/codec/limits.h"
#include "vector_file.h"

namespace capstan {
namespace {

ByteBuffer repeat(std::uint8_t byte, std::size_t count) { return ByteBuffer(count, byte); }

void write_invalid_frames(VectorFile& file) {
  constexpr auto kBad = ErrorCode::kMalformedFrame;
  const auto bad = [&](const std::string& name, std::string_view hex) {
    file.invalid("frame: " + name, "frame", framed(raw(hex)), kBad);
  };
  bad("empty", "");
  bad("a map", "81a474797065a470696e67");
  bad("an array of none", "90");
  bad("its type is a text", "92a470696e6707");
  bad("its type is above 255", "92cd010007");
  bad("a ping without its nonce", "9109");
  bad("a ping with a text", "9209a137");
  bad("a ping with a negative number", "9209ff");
  bad("a ping that is torn", "9209cf0000");
  bad("bytes behind a ping", "92090700");
  bad("a hello with two fields", "93010100");
  bad("a hello whose features are numbers", "950101009105a163");
  //                                  type request session agent mode since credit… epoch first
  bad("an attach with mode 2", "9a030101a16102c000000101");
  bad("an attach since a text", "9a030101a16101a17800000101");
  bad("an attach since 15 octets", "9a030101a16101c40f00000000000000000000000000000000000101");
  bad("an attach to a session above 32 bits", "9a0301cf0000000100000000a16101a000000101");
  bad("a send without its envelope", "93040101");
  bad("a send with an empty envelope", "94040101c400");
  bad("a send with a text", "94040101a568656c6c6f");
  bad("a send whose envelope is torn", "94040101c4ff00");
  bad("a send to a session above 32 bits", "9404cf000000010000000001c0");
  bad("an accept whose id has 15 octets", "9705010101c40f0000000000000000000000000000000101");
  bad("a notify with an attempt above 32 bits", "96060101cf000000010000000001c40100");
  bad("a receipt of kind 5", "95070105c000");
  bad("a receipt for an envelope without its id", "95070101c000");
  bad("a receipt up to nil", "95070102c000");
  bad("a credit with an id", "95070100c410000000000000000000000000000000000000");
  bad("a subscribe whose boot has 15 octets", "950b01a178c40f00000000000000000000000000000000");
  bad("an unsubscribe without its topic", "920c01");
  bad("a presence whose snapshot is 2", "95100201c090");
  bad("a presence without its agents", "9410000100");
  bad("a presence whose agent has three fields",
      "95100001009193c41000000000000000000000000000000000a16101");
  bad("a presence of an agent in state 3",
      "95100001009194c41000000000000000000000000000000000a1610301");
  bad("a pong whose cursor has one element", "930a01919101");
  bad("a response without its result", "940e0100a0");
  bad("a response whose code is a text", "950e01a26f6ba0c400");
  bad("an extension type", "9209d40100");
  file.invalid("frame: nested nine deep", "frame",
               framed(joined(raw("930907"), joined(repeat(0x91, 8), raw("c0")))), kBad);
  file.invalid("frame: an array of 4097 elements", "frame",
               framed(joined(raw("930907dc1001"), repeat(0xc0, 4097))), kBad);
  file.invalid("frame: more elements promised than sent", "frame", framed(raw("dd0fffffff0907")),
               kBad);
  constexpr auto kUnknown = ErrorCode::kUnknownFrame;
  file.invalid("frame: type 0", "frame", framed(raw("9100")), kUnknown);
  file.invalid("frame: type 200", "frame", framed(raw("92ccc801")), kUnknown);
}

void write_invalid_envelopes(VectorFile& file) {
  const auto bad = [&](const std::string& name, const ByteBuffer& bytes) {
    file.invalid("envelope: " + name, "envelope", bytes, ErrorCode::kMalformedFrame);
  };
  const ByteBuffer good = compact(stamped());
  const ByteBuffer head(good.begin(), good.begin() + kEnvelopeHeadBytes);
  bad("empty", {});
  bad("its head alone", head);
  bad("one octet of the head is missing", {good.begin(), good.begin() + kEnvelopeHeadBytes - 1});
  bad("the last octet is missing", {good.begin(), good.end() - 1});
  bad("one octet more", joined(good, {0xc0}));
  for (const auto& [offset, what] : {std::pair{0, "an array of 15"},
                                     {1, "the envelope id is no bin"},
                                     {2, "its length is 17"},
                                     {19, "created_at is no uint 64"},
                                     {28, "the channel is no bin"},
                                     {29, "the length of the channel is 17"},
                                     {46, "the sender is no bin"},
                                     {47, "the length of the sender is 17"}}) {
    ByteBuffer changed = good;
    ++changed[static_cast<std::size_t>(offset)];
    bad("octet " + std::to_string(offset) + ": " + what, changed);
  }
  const auto tail = [&](const std::string& name, std::string_view hex) {
    bad(name, joined(head, raw(hex)));
  };
  //                           audience type data priority depth ttl task cause trace key
  tail("the audience is a text", "a0a174c4000100c0c0c0c0c0");
  tail("the audience has a text", "91a130a174c4000100c0c0c0c0c0");
  tail("no event type", "c0a0c4000100c0c0c0c0c0");
  tail("the event type is nil", "c0c0c4000100c0c0c0c0c0");
  tail("the data is a text", "c0a174a00100c0c0c0c0c0");
  tail("priority 3", "c0a174c4000300c0c0c0c0c0");
  tail("depth above 32 bits", "c0a174c40001cf0000000100000000c0c0c0c0c0");
  tail("depth is nil", "c0a174c40001c0c0c0c0c0c0");
  tail("time to live is negative", "c0a174c4000100ffc0c0c0c0");
  tail("the task id has 15 octets", "c0a174c4000100c0c40f000000000000000000000000000000c0c0c0");
  tail("the task id is a number", "c0a174c4000100c001c0c0c0");
  tail("the trace id is a bin", "c0a174c4000100c0c0c0c40178c0");
  tail("the last field is missing", "c0a174c4000100c0c0c0c0");
  const auto too_long = [&](const std::string& name, const std::function<void(Envelope&)>& change) {
    Envelope envelope = stamped();
    change(envelope);
    bad(name, compact(envelope));
  };
  too_long("event type over its limit",
           [](Envelope& e) { e.event_type.assign(kEventTypeBytesMax + 1, 't'); });
  too_long("task id over its limit",
           [](Envelope& e) { e.task_id = std::string(kTextIdBytesMax + 1, 'i'); });
  too_long("trace id over its limit",
           [](Envelope& e) { e.trace_id = std::string(kTraceIdBytesMax + 1, 'r'); });
  too_long("idempotency key over its limit",
           [](Envelope& e) { e.idempotency_key = std::string(kIdempotencyKeyBytesMax + 1, 'k'); });
  too_long("audience over its limit", [](Envelope& e) {
    e.audience = std::vector<AgentId>(kAudienceMax + 1, id<AgentId>(0));
  });
}

void write_invalid_params(VectorFile& file) {
  const auto bad = [&](const std::string& name, std::string_view hex) {
    file.invalid("params: " + name, "params", raw(hex), ErrorCode::kMalformedFrame);
  };
  bad("empty", "");
  bad("an array", "91a161");
  bad("a key that is a number", "810102");
  bad("a nil", "81a161c0");
  bad("a negative number", "81a161ff");
  bad("a float", "81a161cb3ff0000000000000");
  bad("a map that is no list's element", "81a16180");
  bad("a list of numbers", "81a1619101");
  bad("a list of mixed kinds", "81a16192a16280");
  bad("bytes behind it", "80c0");
}

void write_invalid_records(VectorFile& file) {
  const auto bad = [&](const std::string& name, const ByteBuffer& bytes) {
    file.invalid("record: " + name, "record", bytes, ErrorCode::kDamaged);
  };
  bad("empty", {});
  bad("a torn header", raw("00000000080000"));
  bad("longer than what there is", raw("0100000008000000"));
  bad("type 0", raw("0000000000000000"));
  bad("type 11", raw("000000000b000000"));
  const auto shortened = [&](const std::string& name, ByteBuffer record) {
    record.pop_back();
    --record[0];
    bad(name + " without its last octet", record);
  };
  const auto lengthened = [&](const std::string& name, ByteBuffer record) {
    record.push_back(0);
    ++record[0];
    bad(name + " with one octet more", record);
  };
  const SettledRecord settled{
      id<AgentId>(1), id<ChannelId>(1), SettledWhy::kAcknowledged, 1, {{Position{1}, Position{1}}}};
  for (const auto& [name, record] :
       {std::pair{"an agent", recorded(agent_record())},
        {"a settlement", recorded(settled)},
        {"a skip", recorded(SkippedRecord{{id<AgentId>(1), 1}, 1})},
        {"a duplicate", recorded(DuplicateRecord{{id<AgentId>(1), 1}, 1, id<EnvelopeId>(1)})},
        {"a retry", recorded(RetryRecord{id<AgentId>(1), id<ChannelId>(1), Position{1},
                                         Priority::kNormal, 1, 1, 1, "x"})},
        {"a dropped dead letter", recorded(DeadDroppedRecord{id<AgentId>(1), Sequence{1}})},
        {"a retired agent", recorded(AgentRetiredRecord{id<AgentId>(1), 1})},
        {"a segment", recorded(SegmentRecord{Sequence{1}, SegmentState::kOpen})},
        {"a start", recorded(StartRecord{id<BootId>(1), 1})},
        {"a gap", recorded(Gap{Sequence{1}, Sequence{1}})}}) {
    shortened(name, record);
    lengthened(name, record);
  }
  ByteBuffer envelope = recorded(EnvelopeRecord{Position{1}, 1, 1, {}, {}});
  ++envelope[6];
  bad("an envelope without the recipient that it counts", envelope);
  bad("a row whose key is longer than the record", raw("05000000090000000200000053"));
  ByteBuffer stretch = recorded(SkippedRecord{{id<AgentId>(1), 1}, 1, 2});
  stretch[stretch.size() - 8] = 1;
  bad("a stretch of one skipped number", stretch);
  bad("a stretch of skipped numbers that wraps",
      recorded(SkippedRecord{{id<AgentId>(1), 1}, 1, UINT64_MAX}));
}

}  // namespace

void write_invalid_vectors(VectorFile& file) {
  write_invalid_frames(file);
  write_invalid_envelopes(file);
  write_invalid_params(file);
  write_invalid_records(file);
}

}  // namespace capstan
