// Writing body parts, and walking the row of frames in one.
#include <msgpack.hpp>

#include "capstan/codec/compact.h"
#include "hostile.h"
#include "samples.h"

namespace capstan {
namespace {

using Frames = std::vector<ByteBuffer>;

struct Walked {
  Frames frames;
  bool well_formed = true;
};

Walked walk(Bytes body) {
  FrameRow row(body);
  Walked walked;
  while (const auto frame = row.next()) walked.frames.emplace_back(frame->begin(), frame->end());
  walked.well_formed = row.well_formed();
  return walked;
}

ByteBuffer three_pings() {
  BodyWriter writer;
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) writer.write(Ping{nonce});
  return writer.take();
}

TEST(FrameRow, ARowThatEndsInsideAFrameGivesTheWholeFramesBeforeIt) {
  const ByteBuffer body = three_pings();
  const std::size_t frame = body.size() / 3;
  codec_test::for_every_truncation(body, [&](Bytes cut) {
    const Walked walked = walk(cut);
    EXPECT_EQ(walked.frames.size(), cut.size() / frame) << cut.size();
    EXPECT_EQ(walked.well_formed, cut.size() % frame == 0) << cut.size();
  });
}

TEST(FrameRow, WhatIsNoBinEndsTheRow) {
  for (unsigned first = 0; first < 256; ++first) {
    if (first >= 0xc4 && first <= 0xc6) continue;
    ByteBuffer body = three_pings();
    body.push_back(static_cast<std::uint8_t>(first));
    body.insert(body.end(), 8, 0);
    const Walked walked = walk(body);
    EXPECT_EQ(walked.frames.size(), 3U) << first;
    EXPECT_FALSE(walked.well_formed) << first;
  }
}

TEST(FrameRow, ALengthBeyondTheBodyIsRefusedAndNothingIsAllocated) {
  const ByteBuffer body{0xc6, 0xff, 0xff, 0xff, 0xff, 0x91};
  const Walked walked = walk(body);
  EXPECT_TRUE(walked.frames.empty());
  EXPECT_FALSE(walked.well_formed);
}

// A frame that is not msgpack at all spoils neither the one before nor the one behind it.
TEST(FrameRow, ABrokenFrameEndsItsOwnBinOnly) {
  ByteBuffer body{0xc4, 0x03, 0xc1, 0xc1, 0xc1};
  append(body, three_pings());
  append(body, ByteBuffer{0xc4, 0x02, 0xdd, 0xff});
  append(body, three_pings());
  const Walked walked = walk(body);
  ASSERT_EQ(walked.frames.size(), 8U);
  EXPECT_TRUE(walked.well_formed);
  std::size_t pings = 0;
  for (const ByteBuffer& frame : walked.frames) pings += decode_control(frame).ok() ? 1U : 0U;
  EXPECT_EQ(pings, 6U);
}

TEST(FrameRow, AnEmptyBodyIsAnEmptyRow) {
  const Walked walked = walk({});
  EXPECT_TRUE(walked.frames.empty());
  EXPECT_TRUE(walked.well_formed);
}

TEST(FrameRow, BinsOfEveryWidthAreTaken) {
  ByteBuffer body{0xc4, 0x01, 0x11};
  append(body, ByteBuffer{0xc5, 0x00, 0x02, 0x21, 0x22});
  append(body, ByteBuffer{0xc6, 0x00, 0x00, 0x00, 0x03, 0x31, 0x32, 0x33});
  append(body, ByteBuffer{0xc4, 0x00});
  EXPECT_EQ(walk(body).frames, (Frames{{0x11}, {0x21, 0x22}, {0x31, 0x32, 0x33}, {}}));
}

TEST(FrameRow, NoChangedByteOfABodyCrashesAnyDecoder) {
  BodyWriter writer;
  writer.write(Ping{1});
  writer.write(codec_test::sample_ack());
  writer.write(codec_test::sample_error());
  codec_test::attack_all_decoders_with(writer.take());
}

TEST(PeekType, IsEmptyForWhatIsNoArrayThatBeginsWithATypeNumber) {
  EXPECT_FALSE(peek_type({}).has_value());
  const Frames bad{{0x90},       {0x91}, {0x81, 0x01, 0x02}, {0x91, 0xa1, 'x'},  {0x91, 0xff},
                   {0x91, 0xc0}, {0x07}, {0xdc, 0x00},       {0x91, 0xcd, 1, 0}, {0x91, 0xcd, 1}};
  for (const ByteBuffer& frame : bad) EXPECT_FALSE(peek_type(frame).has_value()) << to_hex(frame);
}

TEST(PeekType, ReadsTheTypeInAnyWidthAlsoOfFramesThatNobodyKnows) {
  EXPECT_EQ(peek_type(ByteBuffer{0x91, 0x0d}), 13);
  EXPECT_EQ(peek_type(ByteBuffer{0x92, 0xcc, 0xc8, 0x01}), 200);
  EXPECT_EQ(peek_type(ByteBuffer{0xdc, 0x00, 0x01, 0xcd, 0x00, 0x04}), 4);
  EXPECT_EQ(peek_type(ByteBuffer{0xdd, 0, 0, 0, 1, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0xff}), 255);
}

TEST(PeekRequestId, IsOfARequestAndOfNothingElse) {
  const Frames bad{
      {}, {0x80}, {0x90}, {0x91, 0x0d}, {0x92, 0x0d}, {0x92, 0x03, 0x09}, {0x92, 0x0d, 0xa0}};
  for (const ByteBuffer& frame : bad) {
    EXPECT_FALSE(peek_request_id(frame).has_value()) << to_hex(frame);
  }
  EXPECT_EQ(peek_request_id(ByteBuffer{0x94, 0x0d, 0xcd, 0x01, 0x00}), 256U);
}

TEST(BodyWriter, WritesEachFrameUnderItsTypeNumber) {
  std::uint8_t type = 0;
  for (const auto& [name, frame] : codec_test::sample_frames()) {
    ++type;
    EXPECT_EQ(peek_type(frame), type) << name;
  }
}

TEST(BodyWriter, WhatItWritesMsgpackReadsAsARowOfBins) {
  BodyWriter writer;
  writer.write(codec_test::sample_hello());
  const ByteBuffer envelope(70'000, 0x77);
  writer.write(NotifyView{1, 1, 1, Position{1}, envelope});
  writer.write(Ping{3});
  const ByteBuffer body = writer.take();
  std::size_t offset = 0;
  std::vector<std::size_t> sizes;
  while (offset < body.size()) {
    const auto handle =
        msgpack::unpack(reinterpret_cast<const char*>(body.data()), body.size(), offset);
    ASSERT_EQ(handle.get().type, msgpack::type::BIN);
    sizes.push_back(handle.get().via.bin.size);
  }
  const Walked walked = walk(body);
  ASSERT_EQ(sizes.size(), walked.frames.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(sizes[i], walked.frames[i].size());
}

TEST(BodyWriter, IsEmptyAfterTake) {
  BodyWriter writer;
  EXPECT_TRUE(writer.empty());
  writer.write(Ping{1});
  EXPECT_FALSE(writer.empty());
  const std::size_t size = writer.size();
  EXPECT_EQ(writer.take().size(), size);
  EXPECT_TRUE(writer.empty());
  EXPECT_TRUE(writer.take().empty());
}

TEST(BodyWriter, FramesOfAnotherWriterFollowItsOwn) {
  BodyWriter first;
  first.write(Ping{1});
  BodyWriter second;
  second.write(Ping{2});
  const ByteBuffer tail = second.take();
  first.append_body(tail);
  const Walked walked = walk(first.take());
  ASSERT_EQ(walked.frames.size(), 2U);
  EXPECT_EQ(std::get<Ping>(*decode_control(walked.frames[1])), Ping{2});
}

}  // namespace
}  // namespace capstan
