#include "agent_envelope.h"

#include <algorithm>
#include <cstring>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "payload.h"

namespace capstan::bench {
namespace {

constexpr std::uint8_t kMapOfOne = 0x81;
constexpr std::uint8_t kTextOfOne = 0xa1;
constexpr std::uint8_t kBin8 = 0xc4;
constexpr std::uint8_t kBin16 = 0xc5;
constexpr std::uint8_t kBin32 = 0xc6;
constexpr std::size_t kStampBytes = 16;

void append_big_endian(ByteBuffer& to, std::size_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    to.push_back(static_cast<std::uint8_t>(value >> static_cast<unsigned>(shift)));
}

// {"d": data} in exactly `total` bytes: the length of the bin's own head depends on it.
ByteBuffer event_data_of(std::size_t total) {
  ByteBuffer event_data = {kMapOfOne, kTextOfOne, 'd'};
  const std::size_t rest = total - event_data.size();
  if (rest - 2 <= 0xff) {
    event_data.push_back(kBin8);
    append_big_endian(event_data, rest - 2, 1);
  } else if (rest - 3 <= 0xffff) {
    event_data.push_back(kBin16);
    append_big_endian(event_data, rest - 3, 2);
  } else {
    event_data.push_back(kBin32);
    append_big_endian(event_data, rest - 5, 4);
  }
  append(event_data, incompressible(total - event_data.size()));
  return event_data;
}

// The stamp is the end of event_data, whatever head stands before it.
std::size_t stamp_offset_in(Bytes event_data) { return event_data.size() - kStampBytes; }

}  // namespace

EnvelopeTemplate::EnvelopeTemplate(std::size_t payload_bytes) {
  CAPSTAN_CHECK(payload_bytes >= kPayloadBytesMin);
  Envelope envelope;
  envelope.event_type = "capstan.bench";
  envelope.event_data = event_data_of(payload_bytes);
  encode_envelope(envelope, envelope_);
  const auto written = parse_envelope(envelope_);
  CAPSTAN_CHECK(written.has_value());
  const Bytes data = written->event_data();
  CAPSTAN_CHECK(equal(data, envelope.event_data));
  stamp_offset_ = static_cast<std::size_t>(data.data() - envelope_.data()) + stamp_offset_in(data);
}

Bytes EnvelopeTemplate::write(std::uint64_t index, std::uint64_t due_ns) {
  std::memcpy(envelope_.data() + stamp_offset_, &index, sizeof index);
  std::memcpy(envelope_.data() + stamp_offset_ + sizeof index, &due_ns, sizeof due_ns);
  return envelope_;
}

std::optional<EnvelopeStamp> read_stamp(Bytes envelope) {
  const auto view = parse_envelope(envelope);
  if (!view || view->event_data().size() < kPayloadBytesMin) return std::nullopt;
  const std::uint8_t* at = view->event_data().data() + stamp_offset_in(view->event_data());
  EnvelopeStamp stamp;
  std::memcpy(&stamp.index, at, sizeof stamp.index);
  std::memcpy(&stamp.due_ns, at + sizeof stamp.index, sizeof stamp.due_ns);
  return stamp;
}

}  // namespace capstan::bench
