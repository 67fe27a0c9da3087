// The envelopes that the agents of a workload exchange: an index, a due time, and bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "capstan/base/bytes.h"

namespace capstan::bench {

/// The last envelope of a run has this index; it is not counted.
inline constexpr std::uint64_t kEndIndex = ~std::uint64_t{0};

/// `event_data` below this size has no room for index and due time.
inline constexpr std::size_t kPayloadBytesMin = 24;

/// One compact envelope that is written again for each message.
class EnvelopeTemplate {
 public:
  /// Shape: `payload_bytes` of event_data, a msgpack map with one entry; at least kPayloadBytesMin.
  explicit EnvelopeTemplate(std::size_t payload_bytes);

  /// The envelope with this index. Lives until the next call.
  [[nodiscard]] Bytes write(std::uint64_t index, std::uint64_t due_ns);

 private:
  ByteBuffer envelope_;
  std::size_t stamp_offset_ = 0;
};

struct EnvelopeStamp {
  std::uint64_t index = 0;
  std::uint64_t due_ns = 0;  ///< 0: not to be measured.
};

/// What write() put into this compact envelope; empty when it is none of ours.
[[nodiscard]] std::optional<EnvelopeStamp> read_stamp(Bytes envelope);

}  // namespace capstan::bench
