// The frames that msgpack-c parses, and the limits around it.
#include <msgpack.hpp>

#include "capstan/codec/compact.h"
#include "capstan/codec/limits.h"
#include "hostile.h"
#include "samples.h"

namespace capstan {
namespace {

using codec_test::frame_bytes;
using codec_test::id_from;

/// Frames that decode_control() takes: all but the fast path's.
std::vector<std::pair<std::string, ByteBuffer>> control_frames() {
  auto frames = codec_test::sample_frames();
  std::erase_if(frames, [](const auto& entry) {
    return peek_type(entry.second) >= 4 && peek_type(entry.second) <= 7;
  });
  return frames;
}

template <typename Frame>
void expect_round_trip(const Frame& frame) {
  const auto decoded = decode_control(frame_bytes(frame));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<Frame>(*decoded), frame);
}

ErrorCode refusal(Bytes frame) {
  const auto decoded = decode_control(frame);
  return decoded.ok() ? ErrorCode::kOk : decoded.error().code;
}

/// A frame of these elements, each as msgpack-c packs it.
template <typename... Elements>
ByteBuffer frame_of(const Elements&... elements) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  packer.pack_array(sizeof...(elements));
  (packer.pack(elements), ...);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(buffer.data());
  return {bytes, bytes + buffer.size()};
}

using Texts = std::vector<std::string>;

TEST(ControlFrames, EveryTruncationIsMalformed) {
  for (const auto& sample : control_frames()) {
    codec_test::for_every_truncation(sample.second, [&](Bytes cut) {
      EXPECT_EQ(refusal(cut), ErrorCode::kMalformedFrame) << sample.first << " " << cut.size();
    });
  }
}

TEST(ControlFrames, BytesBehindAFrameAreMalformed) {
  for (auto [name, frame] : control_frames()) {
    frame.push_back(0xc0);
    EXPECT_EQ(refusal(frame), ErrorCode::kMalformedFrame) << name;
  }
}

TEST(ControlFrames, EveryMissingFieldIsMalformed) {
  for (const auto& [name, frame] : control_frames()) {
    const auto whole = msgpack::unpack(reinterpret_cast<const char*>(frame.data()), frame.size());
    const msgpack::object_array& fields = whole.get().via.array;
    for (std::uint32_t count = 1; count < fields.size; ++count) {
      msgpack::sbuffer buffer;
      msgpack::packer<msgpack::sbuffer> packer(buffer);
      packer.pack_array(count);
      for (std::uint32_t i = 0; i < count; ++i) packer.pack(fields.ptr[i]);
      EXPECT_EQ(refusal(as_bytes({buffer.data(), buffer.size()})), ErrorCode::kMalformedFrame)
          << name << " with " << count;
    }
  }
}

TEST(ControlFrames, AFieldOfAnotherTypeIsMalformed) {
  for (const auto& [name, frame] : control_frames()) {
    const auto whole = msgpack::unpack(reinterpret_cast<const char*>(frame.data()), frame.size());
    const msgpack::object_array& fields = whole.get().via.array;
    for (std::uint32_t wrong = 0; wrong < fields.size; ++wrong) {
      msgpack::sbuffer buffer;
      msgpack::packer<msgpack::sbuffer> packer(buffer);
      packer.pack_array(fields.size);
      for (std::uint32_t i = 0; i < fields.size; ++i) {
        if (i == wrong) {
          packer.pack_double(0.5);
        } else {
          packer.pack(fields.ptr[i]);
        }
      }
      EXPECT_EQ(refusal(as_bytes({buffer.data(), buffer.size()})), ErrorCode::kMalformedFrame)
          << name << " field " << wrong;
    }
  }
}

TEST(ControlFrames, WhatIsNoArrayIsMalformed) {
  for (const ByteBuffer& frame : {ByteBuffer{}, ByteBuffer{0x80}, ByteBuffer{0x01},
                                  ByteBuffer{0xa1, 'x'}, ByteBuffer{0xc1}, ByteBuffer{0x90}}) {
    EXPECT_EQ(refusal(frame), ErrorCode::kMalformedFrame) << to_hex(frame);
  }
}

TEST(ControlFrames, FastPathAndUnknownTypesAreUnknown) {
  for (unsigned type = 0; type < 256; ++type) {
    const bool control = type == 1 || type == 2 || type == 3 || (type >= 8 && type <= 10) ||
                         (type >= 11 && type <= 16);
    EXPECT_EQ(refusal(frame_of(type)),
              control ? ErrorCode::kMalformedFrame : ErrorCode::kUnknownFrame)
        << type;
  }
}

TEST(ControlFrames, AVersionAbove32BitsIsNeitherCutNorTaken) {
  const std::uint64_t one_when_cut = (std::uint64_t{1} << 32) + 1;
  EXPECT_EQ(refusal(frame_of(1, one_when_cut, 0, Texts{}, "c")), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(1, 1, one_when_cut, Texts{}, "c")), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(1, 1, 0, Texts{}, "c")), ErrorCode::kOk);
}

TEST(ControlFrames, AnUnknownAttachModeIsMalformed) {
  EXPECT_EQ(refusal(frame_of(3, 1, 1, "bob", 2, "", 0, 0, 0, 1)), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(3, 1, 1, "bob", 1, "", 0, 0, 0, 1)), ErrorCode::kOk);
}

TEST(ControlFrames, SinceIsNilOrEmptyTextOrAnId) {
  EXPECT_EQ(refusal(frame_of(3, 1, 1, "bob", 1, "yesterday", 0, 0, 0, 1)),
            ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(3, 1, 1, "bob", 1, 5, 0, 0, 0, 1)), ErrorCode::kMalformedFrame);
  Attach attach = codec_test::sample_attach();
  for (const Since& since : {Since{Since::Kind::kNothing, {}}, Since{Since::Kind::kAll, {}},
                             Since{Since::Kind::kAfter, id_from<EnvelopeId>(0x10)}}) {
    attach.since = since;
    expect_round_trip(attach);
  }
}

TEST(ControlFrames, ListsHoldTextAlone) {
  const msgpack::type::nil_t nil;
  EXPECT_EQ(refusal(frame_of(1, 1, 0, std::vector<int>{1}, "c")), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(1, 1, 0, nil, "c")), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(10, 1, std::vector<int>{1})), ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(10, 1, std::vector<std::vector<int>>{{1}})),
            ErrorCode::kMalformedFrame);
}

TEST(ControlFrames, AListHasItsLimit) {
  EXPECT_EQ(refusal(frame_of(1, 1, 0, Texts(kControlElementsMax + 1, "f"), "c")),
            ErrorCode::kMalformedFrame);
  EXPECT_EQ(refusal(frame_of(1, 1, 0, Texts(kControlElementsMax, "f"), "c")), ErrorCode::kOk);
}

// A length costs an attacker five bytes; it must not cost us what it promises.
TEST(ControlFrames, HugeHeadersAreRefusedBeforeTheirElementsAreMissed) {
  for (const unsigned number : {0xddU, 0xdfU, 0xdbU, 0xc6U, 0xc9U}) {
    const auto tag = static_cast<std::uint8_t>(number);
    EXPECT_EQ(refusal(ByteBuffer{tag, 0xff, 0xff, 0xff, 0xff}), ErrorCode::kMalformedFrame);
    EXPECT_EQ(refusal(ByteBuffer{0x92, 0x09, tag, 0xff, 0xff, 0xff, 0xff}),
              ErrorCode::kMalformedFrame);
  }
}

TEST(ControlFrames, DepthHasItsLimit) {
  for (std::size_t depth = 1; depth <= 2000; ++depth) {
    // A pong whose fourth field, of a newer version, is an array in an array in …
    ByteBuffer frame{0x94, 0x0a, 0x01, 0x90};
    frame.insert(frame.end(), depth - 1, 0x91);
    frame.push_back(0x90);
    const bool within = depth + 1 <= kControlDepthMax;
    EXPECT_EQ(refusal(frame), within ? ErrorCode::kOk : ErrorCode::kMalformedFrame) << depth;
  }
}

TEST(ControlFrames, NoChangedByteCrashesAnyDecoder) {
  for (const auto& [name, frame] : control_frames()) codec_test::attack_all_decoders_with(frame);
}

TEST(ControlFrames, FieldsOfANewerVersionAreIgnored) {
  for (const auto& [name, frame] : control_frames()) {
    ByteBuffer longer = frame;
    longer[0] = static_cast<std::uint8_t>(longer[0] + 3);
    append(longer, ByteBuffer{0xa1, 'x', 0x80, 0x93, 0xc0, 0xc2, 0xff});
    const auto decoded = decode_control(longer);
    ASSERT_TRUE(decoded.ok()) << name;
    EXPECT_EQ(*decoded, *decode_control(frame)) << name;
  }
}

TEST(ControlFrames, AnErrorCodeOfANewerHubIsUnavailable) {
  const auto decoded = decode_control(frame_of(15, 255, "a reason of tomorrow", 0));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<Bye>(*decoded), (Bye{ErrorCode::kUnavailable, "a reason of tomorrow"}));
}

TEST(ControlFrames, WrittenAndReadIsTheSame) {
  expect_round_trip(codec_test::sample_hello());
  expect_round_trip(codec_test::sample_welcome());
  expect_round_trip(codec_test::sample_attach());
  expect_round_trip(codec_test::sample_error());
  expect_round_trip(Ping{UINT64_MAX});
  expect_round_trip(codec_test::sample_pong());
  expect_round_trip(codec_test::sample_subscribe());
  expect_round_trip(Unsubscribe{1, "anything"});
  expect_round_trip(codec_test::sample_presence());
  expect_round_trip(codec_test::sample_request());
  expect_round_trip(codec_test::sample_response());
  expect_round_trip(Bye{ErrorCode::kHubStopping, "the hub is stopping"});
  expect_round_trip(Bye{ErrorCode::kOk, "", UINT32_MAX});
}

TEST(ControlFrames, EmptyListsTextsAndBinsStayEmpty) {
  expect_round_trip(Hello{});
  expect_round_trip(Pong{});
  expect_round_trip(Subscribe{});
  expect_round_trip(Presence{});
  expect_round_trip(Request{});
  expect_round_trip(Response{});
  expect_round_trip(Bye{});
}

TEST(ControlFrames, EveryErrorCodeKeepsItsNumber) {
  for (unsigned number = 0; number < 256; ++number) {
    const auto code = error_from_number(number);
    if (code) expect_round_trip(Bye{*code, "why"});
  }
}

}  // namespace
}  // namespace capstan
