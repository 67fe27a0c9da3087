#include "capstan/codec/envelope.h"

#include <msgpack.hpp>

#include "capstan/codec/limits.h"
#include "hostile.h"
#include "samples.h"

namespace capstan {
namespace {

using codec_test::encoded;
using codec_test::full_envelope;
using codec_test::id_from;
using codec_test::small_envelope;

bool parses(const Envelope& envelope) { return parse_envelope(encoded(envelope)).has_value(); }

/// What stands between the head and the end of an envelope with nothing optional.
ByteBuffer with_fields(std::initializer_list<std::uint8_t> fields) {
  ByteBuffer bytes(kEnvelopeHeadBytes);
  stamp_envelope(bytes.data(), {}, 0, {}, {});
  bytes.insert(bytes.end(), fields);
  return bytes;
}

TEST(Envelope, EveryTruncationIsRefused) {
  codec_test::for_every_truncation(encoded(full_envelope()), [](Bytes cut) {
    EXPECT_FALSE(parse_envelope(cut).has_value()) << cut.size();
    EXPECT_FALSE(decode_envelope(cut).ok()) << cut.size();
  });
}

TEST(Envelope, AByteBehindTheLastFieldIsRefused) {
  ByteBuffer bytes = encoded(full_envelope());
  bytes.push_back(0xc0);
  EXPECT_FALSE(parse_envelope(bytes).has_value());
}

TEST(Envelope, NoChangedByteCrashesAnyDecoder) {
  codec_test::attack_all_decoders_with(encoded(full_envelope()));
  codec_test::attack_all_decoders_with(encoded(small_envelope()));
}

TEST(Envelope, EachFieldHasItsLimit) {
  const auto limited = [](std::size_t limit, auto set) {
    Envelope envelope = small_envelope();
    set(envelope, std::string(limit + 1, 'x'));
    EXPECT_FALSE(parses(envelope)) << limit;
    set(envelope, std::string(limit, 'x'));
    EXPECT_TRUE(parses(envelope)) << limit;
  };
  limited(kEventTypeBytesMax, [](Envelope& e, const std::string& text) { e.event_type = text; });
  limited(kTextIdBytesMax, [](Envelope& e, const std::string& text) { e.task_id = text; });
  limited(kTextIdBytesMax, [](Envelope& e, const std::string& text) { e.causation_id = text; });
  limited(kTraceIdBytesMax, [](Envelope& e, const std::string& text) { e.trace_id = text; });
  limited(kIdempotencyKeyBytesMax,
          [](Envelope& e, const std::string& text) { e.idempotency_key = text; });
}

TEST(Envelope, AnAudienceHasItsLimit) {
  Envelope envelope = small_envelope();
  envelope.audience = std::vector<AgentId>(kAudienceMax + 1);
  EXPECT_FALSE(parses(envelope));
  envelope.audience->pop_back();
  EXPECT_TRUE(parses(envelope));
}

TEST(Envelope, TheWholeHasItsLimit) {
  Envelope envelope = small_envelope();
  const std::size_t rest = encoded(envelope).size() + 3;  // bin 32 instead of bin 8.
  envelope.event_data.resize(kEnvelopeBytesMax - rest + 1);
  EXPECT_EQ(encoded(envelope).size(), kEnvelopeBytesMax + 1);
  EXPECT_FALSE(parses(envelope));
  envelope.event_data.pop_back();
  EXPECT_TRUE(parses(envelope));
}

TEST(Envelope, AnAudienceThatIsLongerThanTheBytesIsRefusedAtOnce) {
  // array 32 with 2^32 - 1 elements, and no byte behind it.
  EXPECT_FALSE(parse_envelope(with_fields({0xdd, 0xff, 0xff, 0xff, 0xff})).has_value());
}

TEST(Envelope, FieldsOfAnotherTypeAreRefused) {
  // audience, event_type, event_data, priority, depth, ttl, task, causation, trace, idempotency key
  const ByteBuffer good =
      with_fields({0xc0, 0xa1, 'e', 0xc4, 0x00, 0x01, 0x00, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0});
  ASSERT_TRUE(parse_envelope(good).has_value());
  const auto refused_with = [&](std::size_t field, std::uint8_t value) {
    ByteBuffer bytes = good;
    bytes[kEnvelopeHeadBytes + field] = value;
    return !parse_envelope(bytes).has_value();
  };
  EXPECT_TRUE(refused_with(0, 0x01)) << "audience is nil or an array";
  EXPECT_TRUE(refused_with(1, 0xa0)) << "event_type is not empty";
  EXPECT_TRUE(refused_with(3, 0xa0)) << "event_data is a bin";
  EXPECT_TRUE(refused_with(5, 0x03)) << "priority ends at urgent";
  EXPECT_TRUE(refused_with(6, 0xc0)) << "depth is a number";
  EXPECT_TRUE(refused_with(7, 0xff)) << "a ttl is not negative";
  EXPECT_TRUE(refused_with(8, 0x05)) << "task_id is an id";
  EXPECT_TRUE(refused_with(9, 0x05)) << "causation_id is an id";
  EXPECT_TRUE(refused_with(10, 0x05)) << "trace_id is text";
  EXPECT_TRUE(refused_with(11, 0xc3)) << "idempotency_key is text";
}

TEST(Envelope, NumbersAbove32BitsAreRefused) {
  const auto with_ttl = [](std::initializer_list<std::uint8_t> ttl) {
    ByteBuffer bytes = with_fields({0xc0, 0xa1, 'e', 0xc4, 0x00, 0x01, 0x00});
    bytes.insert(bytes.end(), ttl);
    bytes.insert(bytes.end(), {0xc0, 0xc0, 0xc0, 0xc0});
    return bytes;
  };
  EXPECT_FALSE(parse_envelope(with_ttl({0xcf, 0, 0, 0, 1, 0, 0, 0, 0})).has_value());
  const ByteBuffer largest = with_ttl({0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff});
  ASSERT_TRUE(parse_envelope(largest).has_value());
  EXPECT_EQ(parse_envelope(largest)->ttl_seconds(), UINT32_MAX);
}

TEST(Envelope, AnyByteOfTheHeadsShapeMustStand) {
  const ByteBuffer good = encoded(small_envelope());
  for (const std::size_t at : {0U, 1U, 2U, 19U, 28U, 29U, 46U, 47U}) {
    ByteBuffer bytes = good;
    ++bytes[at];
    EXPECT_FALSE(parse_envelope(bytes).has_value()) << at;
  }
}

TEST(Envelope, EncodedAndDecodedIsTheSame) {
  for (const Envelope& envelope : {full_envelope(), small_envelope()}) {
    const auto decoded = decode_envelope(encoded(envelope));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(*decoded, envelope);
  }
}

TEST(Envelope, AnEmptyAudienceIsNotNoAudience) {
  Envelope envelope = small_envelope();
  envelope.audience.emplace();
  const ByteBuffer bytes = encoded(envelope);
  ASSERT_TRUE(parse_envelope(bytes).has_value());
  EXPECT_TRUE(parse_envelope(bytes)->has_audience());
  EXPECT_EQ(*decode_envelope(bytes), envelope);
}

TEST(Envelope, AnIdOf32LowerCaseHexDigitsTravelsAsSixteenBytesAndAnyOtherAsText) {
  Envelope as_bin = small_envelope();
  as_bin.task_id = "00112233445566778899aabbccddeeff";
  Envelope as_str = small_envelope();
  as_str.task_id = "00112233445566778899AABBCCDDEEFF";
  EXPECT_EQ(encoded(as_str).size() - encoded(as_bin).size(), 16U);
  EXPECT_EQ(decode_envelope(encoded(as_bin))->task_id, as_bin.task_id);
  EXPECT_EQ(decode_envelope(encoded(as_str))->task_id, as_str.task_id);
}

TEST(Envelope, StampingChangesTheHeadAndNothingElse) {
  ByteBuffer bytes = encoded(full_envelope());
  stamp_envelope(bytes.data(), id_from<EnvelopeId>(0xb0), 5, id_from<ChannelId>(0xc0),
                 id_from<AgentId>(0xd0));
  Envelope expected = full_envelope();
  expected.envelope_id = id_from<EnvelopeId>(0xb0);
  expected.created_at_ns = 5;
  expected.channel_id = id_from<ChannelId>(0xc0);
  expected.sender_id = id_from<AgentId>(0xd0);
  EXPECT_EQ(*decode_envelope(bytes), expected);
  EXPECT_EQ(stamped_id(bytes), expected.envelope_id);
  EXPECT_EQ(stamped_channel(bytes), expected.channel_id);
}

TEST(Envelope, MsgpackReadsFourteenFieldsInTheOrderOfTheProtocol) {
  const Envelope envelope = full_envelope();
  const ByteBuffer bytes = encoded(envelope);
  const auto handle = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto fields = handle.get().as<std::vector<msgpack::object>>();
  ASSERT_EQ(fields.size(), 14U);
  const auto bin = [&](std::size_t i) { return fields[i].as<std::vector<unsigned char>>(); };
  const auto bytes_of = [](const auto& id) {
    return std::vector<unsigned char>(id.bytes.begin(), id.bytes.end());
  };
  EXPECT_EQ(bin(0), bytes_of(envelope.envelope_id));
  EXPECT_EQ(fields[1].as<std::uint64_t>(), envelope.created_at_ns);
  EXPECT_EQ(bin(2), bytes_of(envelope.channel_id));
  EXPECT_EQ(bin(3), bytes_of(envelope.sender_id));
  EXPECT_EQ(fields[4].via.array.size, 2U);
  EXPECT_EQ(fields[5].as<std::string>(), envelope.event_type);
  EXPECT_EQ(bin(6), envelope.event_data);
  EXPECT_EQ(fields[7].as<unsigned>(), 2U);
  EXPECT_EQ(fields[8].as<unsigned>(), envelope.depth);
  EXPECT_EQ(fields[9].as<unsigned>(), *envelope.ttl_seconds);
  EXPECT_EQ(fields[10].type, msgpack::type::BIN);
  EXPECT_EQ(fields[11].as<std::string>(), *envelope.causation_id);
  EXPECT_EQ(fields[12].as<std::string>(), *envelope.trace_id);
  EXPECT_EQ(fields[13].as<std::string>(), *envelope.idempotency_key);
}

}  // namespace
}  // namespace capstan
