// The fast path's own reader, with msgpack-c as the oracle of what the bytes mean.
#include <msgpack.hpp>

#include "capstan/base/random.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/limits.h"
#include "hostile.h"
#include "samples.h"

namespace capstan {
namespace {

using codec_test::frame_bytes;
using codec_test::id_from;

// ---- What msgpack-c reads ----

/// The elements of a frame; empty when msgpack-c finds anything but one whole array.
std::optional<msgpack::object_handle> read_array(Bytes frame) {
  try {
    std::size_t offset = 0;
    auto handle =
        msgpack::unpack(reinterpret_cast<const char*>(frame.data()), frame.size(), offset, nullptr,
                        nullptr, msgpack::unpack_limit(64, 64, 4096, 4096, 4096, 8));
    if (offset != frame.size() || handle.get().type != msgpack::type::ARRAY) return std::nullopt;
    return handle;
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  }
}

/// Walks the elements; a wrong type ends it as failed.
class Oracle {
 public:
  Oracle(const msgpack::object_handle& handle, FrameType type) : fields_(handle.get().via.array) {
    if (number() != static_cast<std::uint64_t>(type)) ok_ = false;
  }

  std::uint64_t number(std::uint64_t max = UINT64_MAX) {
    const msgpack::object* field = next(msgpack::type::POSITIVE_INTEGER);
    if (field == nullptr || field->via.u64 > max) ok_ = false;
    return ok_ ? field->via.u64 : 0;
  }
  std::string text() {
    const msgpack::object* field = next(msgpack::type::STR);
    if (field == nullptr) ok_ = false;
    return ok_ ? std::string(field->via.str.ptr, field->via.str.size) : std::string();
  }
  std::string bin() {
    const msgpack::object* field = next(msgpack::type::BIN);
    if (field == nullptr) ok_ = false;
    return ok_ ? std::string(field->via.bin.ptr, field->via.bin.size) : std::string();
  }
  bool nil() {
    if (at_ >= fields_.size || fields_.ptr[at_].type != msgpack::type::NIL) return false;
    ++at_;
    return true;
  }
  void require(bool condition) { ok_ = ok_ && condition; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  const msgpack::object* next(msgpack::type::object_type type) {
    if (!ok_ || at_ >= fields_.size || fields_.ptr[at_].type != type) return nullptr;
    return &fields_.ptr[at_++];
  }

  msgpack::object_array fields_;
  std::uint32_t at_ = 0;
  bool ok_ = true;
};

std::string text(Bytes bytes) { return std::string(as_text(bytes)); }

// Each compares one decoder with the oracle; true when both took the frame.

bool same_send(Bytes frame, const msgpack::object_handle& handle) {
  Oracle oracle(handle, FrameType::kSend);
  const std::uint64_t session = oracle.number(UINT32_MAX);
  const std::uint64_t number = oracle.number();
  const bool skip = oracle.nil();
  const std::string envelope = skip ? std::string() : oracle.bin();
  oracle.require(skip || !envelope.empty());
  const auto send = decode_send(frame);
  EXPECT_EQ(send.has_value(), oracle.ok()) << to_hex(frame);
  if (!send || !oracle.ok()) return false;
  EXPECT_EQ(send->session, session);
  EXPECT_EQ(send->number, number);
  EXPECT_EQ(text(send->envelope), envelope);
  return true;
}

bool same_accept(Bytes frame, const msgpack::object_handle& handle) {
  Oracle oracle(handle, FrameType::kAccept);
  const std::uint64_t session = oracle.number(UINT32_MAX);
  const std::uint64_t first = oracle.number();
  const std::uint64_t count = oracle.number();
  const std::string id = oracle.bin();
  oracle.require(id.size() == 16);
  const std::uint64_t envelopes = oracle.number();
  const std::uint64_t bytes = oracle.number();
  const auto accept = decode_accept(frame);
  EXPECT_EQ(accept.has_value(), oracle.ok()) << to_hex(frame);
  if (!accept || !oracle.ok()) return false;
  EXPECT_EQ(accept->session, session);
  EXPECT_EQ(accept->first_number, first);
  EXPECT_EQ(accept->count, count);
  EXPECT_EQ(text(accept->first_id.bytes), id);
  EXPECT_EQ(accept->window, (SendWindow{envelopes, bytes}));
  return true;
}

bool same_notify(Bytes frame, const msgpack::object_handle& handle) {
  Oracle oracle(handle, FrameType::kNotify);
  const std::uint64_t session = oracle.number(UINT32_MAX);
  const std::uint64_t delivery = oracle.number();
  const std::uint64_t attempt = oracle.number(UINT32_MAX);
  const std::uint64_t position = oracle.number();
  const std::string envelope = oracle.bin();
  const auto notify = decode_notify(frame);
  EXPECT_EQ(notify.has_value(), oracle.ok()) << to_hex(frame);
  if (!notify || !oracle.ok()) return false;
  EXPECT_EQ(notify->session, session);
  EXPECT_EQ(notify->delivery, delivery);
  EXPECT_EQ(notify->attempt, attempt);
  EXPECT_EQ(notify->position.value, position);
  EXPECT_EQ(text(notify->envelope), envelope);
  return true;
}

bool same_receipt(Bytes frame, const msgpack::object_handle& handle) {
  Oracle oracle(handle, FrameType::kReceipt);
  const std::uint64_t session = oracle.number(UINT32_MAX);
  const std::uint64_t kind = oracle.number(4);
  std::string id(16, '\0');
  std::uint64_t delivery = 0;
  if (kind == 0) oracle.require(oracle.nil());
  if (kind == 1) id = oracle.bin();
  oracle.require(id.size() == 16);
  if (kind >= 2) delivery = oracle.number();
  const std::uint64_t credit = oracle.number();
  const std::uint64_t delay_ms = kind == 3 ? oracle.number(UINT32_MAX) : 0;
  const std::string reason = kind == 3 ? oracle.text() : "";
  oracle.require(reason.size() <= kNackReasonBytesMax);
  const auto receipt = decode_receipt(frame);
  EXPECT_EQ(receipt.has_value(), oracle.ok()) << to_hex(frame);
  if (!receipt || !oracle.ok()) return false;
  EXPECT_EQ(receipt->session, session);
  EXPECT_EQ(static_cast<std::uint64_t>(receipt->kind), kind);
  EXPECT_EQ(text(receipt->envelope_id.bytes), id);
  EXPECT_EQ(receipt->delivery, delivery);
  EXPECT_EQ(receipt->credit_until, credit);
  EXPECT_EQ(receipt->delay_ms, delay_ms);
  EXPECT_EQ(receipt->reason, reason);
  return true;
}

/// How many of the four decoders took the frame; each agrees with the oracle.
int compare(Bytes frame) {
  const auto handle = read_array(frame);
  if (!handle || handle->get().via.array.size == 0) return 0;
  return same_send(frame, *handle) + same_accept(frame, *handle) + same_notify(frame, *handle) +
         same_receipt(frame, *handle);
}

// ---- Frames in every encoding that msgpack allows ----

void append_big_endian(ByteBuffer& to, std::uint64_t value, unsigned bytes) {
  for (unsigned i = bytes; i > 0; --i)
    to.push_back(static_cast<std::uint8_t>(value >> (8 * i - 8)));
}

struct NumberForm {
  std::uint8_t tag;
  unsigned bytes;
  std::uint64_t max;
};
// Unsigned and, for values that they hold, signed: no sender has to choose the shortest.
constexpr NumberForm kNumberForms[] = {
    {0xcc, 1, UINT8_MAX}, {0xcd, 2, UINT16_MAX}, {0xce, 4, UINT32_MAX}, {0xcf, 8, UINT64_MAX},
    {0xd0, 1, INT8_MAX},  {0xd1, 2, INT16_MAX},  {0xd2, 4, INT32_MAX},  {0xd3, 8, INT64_MAX}};

/// Appends elements in forms that chance chooses.
class AnyForm {
 public:
  explicit AnyForm(Random& random) : random_(random) {}

  void array(std::uint32_t count) {
    switch (random_.below(3)) {
      case 0:
        out.push_back(static_cast<std::uint8_t>(0x90 | count));
        return;
      case 1:
        out.push_back(0xdc);
        append_big_endian(out, count, 2);
        return;
      default:
        out.push_back(0xdd);
        append_big_endian(out, count, 4);
    }
  }

  void number(std::uint64_t value) {
    if (value < 0x80 && random_.one_in(2)) {
      out.push_back(static_cast<std::uint8_t>(value));
      return;
    }
    const NumberForm* form = &kNumberForms[3];
    do {
      form = &kNumberForms[random_.below(std::size(kNumberForms))];
    } while (value > form->max);
    out.push_back(form->tag);
    append_big_endian(out, value, form->bytes);
  }

  void bin(Bytes bytes) {
    const auto width = static_cast<unsigned>(random_.below(3));
    out.push_back(static_cast<std::uint8_t>(0xc4 + width));
    append_big_endian(out, bytes.size(), 1U << width);
    append(out, bytes);
  }

  /// Small as often as large.
  std::uint64_t any_number(unsigned bits) {
    return random_.next() >> (64 - 1 - random_.below(bits));
  }

  ByteBuffer out;

 private:
  Random& random_;
};

// ---- Tests ----

TEST(FastFrames, EveryTruncationIsRefused) {
  const ByteBuffer envelope = codec_test::encoded(codec_test::full_envelope());
  codec_test::for_every_truncation(frame_bytes(SendView{3, 300, envelope}), [](Bytes cut) {
    EXPECT_FALSE(decode_send(cut).has_value()) << cut.size();
  });
  codec_test::for_every_truncation(frame_bytes(codec_test::sample_accept()), [](Bytes cut) {
    EXPECT_FALSE(decode_accept(cut).has_value()) << cut.size();
  });
  codec_test::for_every_truncation(
      frame_bytes(NotifyView{3, 70'000, 2, Position{12}, envelope}),
      [](Bytes cut) { EXPECT_FALSE(decode_notify(cut).has_value()) << cut.size(); });
  codec_test::for_every_truncation(frame_bytes(codec_test::sample_ack()), [](Bytes cut) {
    EXPECT_FALSE(decode_receipt(cut).has_value()) << cut.size();
  });
}

TEST(FastFrames, AFrameOfAnotherTypeIsRefused) {
  for (const auto& [name, frame] : codec_test::sample_frames()) {
    EXPECT_EQ(decode_send(frame).has_value(), name == "send") << name;
    EXPECT_EQ(decode_accept(frame).has_value(), name == "accept") << name;
    EXPECT_EQ(decode_notify(frame).has_value(), name == "notify") << name;
    EXPECT_EQ(decode_receipt(frame).has_value(), name == "receipt") << name;
  }
}

TEST(FastFrames, ASendOfAnEmptyBinIsNoSkip) {
  EXPECT_FALSE(decode_send(ByteBuffer{0x94, 0x04, 0x01, 0x01, 0xc4, 0x00}).has_value());
  const auto skip = decode_send(ByteBuffer{0x94, 0x04, 0x01, 0x01, 0xc0});
  ASSERT_TRUE(skip.has_value());
  EXPECT_TRUE(skip->envelope.empty());
}

TEST(FastFrames, ASessionAbove32BitsIsRefused) {
  EXPECT_FALSE(
      decode_send(ByteBuffer{0x94, 0x04, 0xcf, 0, 0, 0, 1, 0, 0, 0, 1, 0x01, 0xc0}).has_value());
}

TEST(FastFrames, NegativeNumbersAreRefused) {
  EXPECT_FALSE(decode_send(ByteBuffer{0x94, 0x04, 0xff, 0x01, 0xc0}).has_value());
  EXPECT_FALSE(decode_send(ByteBuffer{0x94, 0x04, 0xd0, 0x80, 0x01, 0xc0}).has_value());
  EXPECT_FALSE(decode_send(ByteBuffer{0x94, 0x04, 0xd1, 0xff, 0xff, 0x01, 0xc0}).has_value());
}

TEST(FastFrames, AReceiptOfAnUnknownKindIsRefused) {
  EXPECT_FALSE(decode_receipt(ByteBuffer{0x95, 0x07, 0x01, 0x05, 0xc0, 0x00}).has_value());
  EXPECT_TRUE(decode_receipt(ByteBuffer{0x95, 0x07, 0x01, 0x00, 0xc0, 0x00}).has_value());
}

TEST(FastFrames, AnIdOfAnyOtherLengthIsRefused) {
  for (std::uint8_t length = 0; length < 40; ++length) {
    ByteBuffer frame{0x95, 0x07, 0x01, 0x01, 0xc4, length};
    frame.insert(frame.end(), length, 0xee);
    frame.push_back(0x00);
    EXPECT_EQ(decode_receipt(frame).has_value(), length == 16) << int{length};
  }
}

TEST(FastFrames, NoChangedByteCrashesAnyDecoder) {
  for (const auto& [name, frame] : codec_test::sample_frames()) {
    if (peek_type(frame) < 4 || peek_type(frame) > 7) continue;
    codec_test::attack_all_decoders_with(frame);
  }
}

TEST(FastFrames, FieldsOfANewerVersionAreIgnored) {
  for (const auto& [name, frame] : codec_test::sample_frames()) {
    if (peek_type(frame) < 4 || peek_type(frame) > 7) continue;
    ByteBuffer longer = frame;
    longer[0] = static_cast<std::uint8_t>(longer[0] + 2);
    append(longer, ByteBuffer{0xa1, 'x', 0x80});
    EXPECT_EQ(compare(longer), 1) << name;
  }
}

TEST(FastFrames, WrittenAndReadIsTheSame) {
  const ByteBuffer envelope = codec_test::encoded(codec_test::full_envelope());
  const ByteBuffer sent = frame_bytes(SendView{UINT32_MAX, UINT64_MAX, envelope});
  const auto send = decode_send(sent);
  ASSERT_TRUE(send.has_value());
  EXPECT_EQ(send->session, UINT32_MAX);
  EXPECT_EQ(send->number, UINT64_MAX);
  EXPECT_TRUE(equal(send->envelope, envelope));

  EXPECT_EQ(decode_accept(frame_bytes(codec_test::sample_accept())), codec_test::sample_accept());

  const ByteBuffer notified = frame_bytes(NotifyView{3, 70'000, 2, Position{12}, envelope});
  const auto notify = decode_notify(notified);
  ASSERT_TRUE(notify.has_value());
  EXPECT_EQ(notify->delivery, 70'000U);
  EXPECT_EQ(notify->attempt, 2U);
  EXPECT_EQ(notify->position, Position{12});
  EXPECT_TRUE(equal(notify->envelope, envelope));

  const Receipt credit{3, ReceiptKind::kCredit, 0, {}, 900};
  const Receipt up_to{3, ReceiptKind::kAckUpTo, 77, {}, 900};
  const Receipt working{3, ReceiptKind::kWorking, 77, {}, 900};
  const Receipt nack{3, ReceiptKind::kNack, 77, {}, 900, 1500, "busy"};
  for (const Receipt& receipt : {credit, codec_test::sample_ack(), up_to, working, nack}) {
    const ByteBuffer frame = frame_bytes(receipt);  // The reason that is read points into it.
    EXPECT_EQ(decode_receipt(frame), receipt);
  }
}

// Goal: no single changed byte makes our reader and msgpack-c disagree about what a frame says.
TEST(FastFrames, EveryChangedByteMeansTheSameToMsgpack) {
  const ByteBuffer envelope{0x91, 0xc0};
  const ByteBuffer frames[] = {frame_bytes(SendView{3, 300, envelope}),
                               frame_bytes(SendView{3, 300, {}}),
                               frame_bytes(codec_test::sample_accept()),
                               frame_bytes(NotifyView{3, 70'000, 2, Position{12}, envelope}),
                               frame_bytes(codec_test::sample_ack()),
                               frame_bytes(Receipt{3, ReceiptKind::kAckUpTo, 77, {}, 900}),
                               frame_bytes(Receipt{3, ReceiptKind::kNack, 7, {}, 9, 1500, "no"})};
  for (const ByteBuffer& frame : frames) {
    EXPECT_EQ(compare(frame), 1);
    int taken = 0;
    codec_test::for_every_changed_byte(frame, [&](Bytes changed) { taken += compare(changed); });
    EXPECT_GT(taken, 0);
  }
}

// Method: the same fields in whatever width, signed or not, that chance picks for each.
TEST(FastFrames, EveryEncodingThatMsgpackAllowsIsRead) {
  Random random(20'240'501);
  for (int round = 0; round < 20'000; ++round) {
    const ByteBuffer payload(1 + random.below(40), 0x5a);
    const auto id = id_from<EnvelopeId>(static_cast<std::uint8_t>(random.next()));
    AnyForm form(random);
    const FrameType type = static_cast<FrameType>(4 + random.below(4));
    constexpr std::uint32_t kFields[] = {4, 7, 6, 5};
    form.array(kFields[static_cast<std::size_t>(type) - 4]);
    form.number(static_cast<std::uint64_t>(type));
    form.number(form.any_number(32));
    switch (type) {
      case FrameType::kSend:
        form.number(form.any_number(64));
        form.bin(payload);
        break;
      case FrameType::kAccept:
        form.number(form.any_number(64));
        form.number(form.any_number(64));
        form.bin(id.bytes);
        form.number(form.any_number(64));
        form.number(form.any_number(64));
        break;
      case FrameType::kNotify:
        form.number(form.any_number(64));
        form.number(form.any_number(32));
        form.number(form.any_number(64));
        form.bin(payload);
        break;
      default:
        form.number(1);
        form.bin(id.bytes);
        form.number(form.any_number(64));
    }
    ASSERT_EQ(compare(form.out), 1) << to_hex(form.out);
  }
}

}  // namespace
}  // namespace capstan
