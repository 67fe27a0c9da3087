#include "capstan/codec/params.h"

#include <msgpack.hpp>

#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "hostile.h"

namespace capstan {
namespace {

ParamMap sample_params() {
  return ParamMap()
      .set("name", std::string("bob"))
      .set("key", ByteBuffer{1, 2, 3})
      .set("count", std::uint64_t{70'000})
      .set("ready", true)
      .set("names", std::vector<std::string>{"bob", "worker-*"})
      .set("agents", std::vector<ParamMap>{ParamMap().set("name", std::string("a")),
                                           ParamMap().set("pending", std::uint64_t{1})});
}

bool decodes(const ByteBuffer& bytes) { return decode_params(bytes).ok(); }

TEST(Params, EveryTruncationIsRefused) {
  codec_test::for_every_truncation(encode_params(sample_params()), [](Bytes cut) {
    const auto decoded = decode_params(cut);
    ASSERT_FALSE(decoded.ok()) << cut.size();
    EXPECT_EQ(decoded.error().code, ErrorCode::kMalformedFrame);
  });
}

TEST(Params, WhatIsNoMapOfTextKeysIsRefused) {
  EXPECT_FALSE(decodes({0x90}));
  EXPECT_FALSE(decodes({0xc0}));
  EXPECT_FALSE(decodes({0x81, 0x01, 0x01})) << "a number is no key";
  EXPECT_FALSE(decodes({0x81, 0xc4, 0x01, 'k', 0x01})) << "a bin is no key";
  EXPECT_FALSE(decodes({0x80, 0xc0})) << "a byte behind the map";
}

TEST(Params, ValuesOfOtherTypesAreRefused) {
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0xc0})) << "nil";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0xff})) << "negative";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0xca, 0, 0, 0, 0})) << "float";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0x80})) << "a map that is in no list";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0x91, 0x01})) << "a list of numbers";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0x92, 0xa1, 'x', 0x80})) << "texts and maps mixed";
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0x92, 0x80, 0xa1, 'x'})) << "maps and texts mixed";
}

TEST(Params, HugeHeadersAreRefused) {
  EXPECT_FALSE(decodes({0xdf, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0xdd, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(decodes({0x81, 0xa1, 'k', 0xc6, 0xff, 0xff, 0xff, 0xff}));
}

TEST(Params, DepthAndCountHaveTheirLimits) {
  ParamMap nested;
  for (std::size_t depth = 0; depth < kControlDepthMax; ++depth) {
    nested = ParamMap().set("in", std::vector<ParamMap>{nested});
  }
  EXPECT_FALSE(decodes(encode_params(nested)));
  const ParamMap many =
      ParamMap().set("names", std::vector<std::string>(kControlElementsMax + 1, "n"));
  EXPECT_FALSE(decodes(encode_params(many)));
}

TEST(Params, NoChangedByteCrashesAnyDecoder) {
  codec_test::attack_all_decoders_with(encode_params(sample_params()));
  codec_test::attack_all_decoders_with(encode_text_event("hello"));
}

TEST(Params, EncodedAndDecodedIsTheSame) {
  const auto decoded = decode_params(encode_params(sample_params()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, sample_params());
}

TEST(Params, EachGetterFindsItsOwnTypeAlone) {
  const ParamMap params = sample_params();
  EXPECT_EQ(params.text("name"), "bob");
  EXPECT_EQ(params.bytes("key"), (ByteBuffer{1, 2, 3}));
  EXPECT_EQ(params.number("count"), 70'000U);
  EXPECT_EQ(params.flag("ready"), true);
  ASSERT_NE(params.texts("names"), nullptr);
  EXPECT_EQ(params.texts("names")->size(), 2U);
  ASSERT_NE(params.maps("agents"), nullptr);
  EXPECT_EQ(params.maps("agents")->front().text("name"), "a");

  EXPECT_FALSE(params.number("name").has_value());
  EXPECT_FALSE(params.text("key").has_value());
  EXPECT_FALSE(params.bytes("name").has_value());
  EXPECT_FALSE(params.flag("count").has_value());
  EXPECT_EQ(params.texts("agents"), nullptr);
  EXPECT_EQ(params.maps("names"), nullptr);
  EXPECT_FALSE(params.text("absent").has_value());
}

TEST(Params, ALaterValueReplacesAnEarlier) {
  const ParamMap params = ParamMap().set("k", std::uint64_t{1}).set("k", std::string("two"));
  EXPECT_EQ(params.text("k"), "two");
  EXPECT_EQ(params.values().size(), 1U);
}

TEST(Params, MsgpackReadsAMap) {
  const ByteBuffer bytes = encode_params(sample_params());
  const auto handle = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto map = handle.get().as<std::map<std::string, msgpack::object>>();
  EXPECT_EQ(map.size(), 6U);
  EXPECT_EQ(map.at("name").as<std::string>(), "bob");
  EXPECT_EQ(map.at("count").as<std::uint64_t>(), 70'000U);
  EXPECT_EQ(map.at("ready").as<bool>(), true);
  EXPECT_EQ(map.at("key").type, msgpack::type::BIN);
  EXPECT_EQ(map.at("names").as<std::vector<std::string>>().back(), "worker-*");
}

TEST(TextEvent, IsAMapWithTheText) {
  EXPECT_EQ(*decode_text_event(encode_text_event("hello")), "hello");
  EXPECT_EQ(*decode_text_event(encode_text_event("")), "");
  const std::string long_text(300'000, 'x');
  EXPECT_EQ(*decode_text_event(encode_text_event(long_text)), long_text);
}

TEST(TextEvent, IsFoundAmongOtherKeysAndNothingElseIsText) {
  EXPECT_EQ(
      *decode_text_event(ByteBuffer{0x82, 0xa1, 'a', 0xc0, 0xa4, 't', 'e', 'x', 't', 0xa1, 'x'}),
      "x");
  EXPECT_FALSE(decode_text_event({}).ok());
  EXPECT_FALSE(decode_text_event(ByteBuffer{0x80}).ok());
  EXPECT_FALSE(decode_text_event(ByteBuffer{0x81, 0xa4, 't', 'e', 'x', 't', 0x01}).ok());
  EXPECT_FALSE(decode_text_event(ByteBuffer{0x91, 0xa4, 't', 'e', 'x', 't'}).ok());
}

}  // namespace
}  // namespace capstan
