// Frames on their way into body parts of a good size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/limits.h"

namespace capstan {

/// Writes frames one after the other and begins a new body part at kBatchBytesTarget, or earlier
/// where the next frame would not fit the largest one that the hub takes.
class BodyRow {
 public:
  /// `payload_bytes`: what the frame holds beside kFrameOverheadMax.
  template <typename Frame>
  void write(const Frame& frame, std::size_t payload_bytes = 0) {
    if (!writer_.empty() && writer_.size() + payload_bytes + kFrameOverheadMax > bytes_max_) cut();
    writer_.write(frame);
    if (writer_.size() >= kBatchBytesTarget) cut();
  }

  void set_bytes_max(std::size_t bytes) { bytes_max_ = std::min(bytes, kBatchBytesMax); }

  void clear() {
    bodies_.clear();
    if (!writer_.empty()) (void)writer_.take();
  }

  /// Appends the finished body parts to `out`.
  void take(std::vector<ByteBuffer>& out) {
    if (!writer_.empty()) cut();
    for (ByteBuffer& body : bodies_) out.push_back(std::move(body));
    bodies_.clear();
  }

 private:
  void cut() { bodies_.push_back(writer_.take()); }

  BodyWriter writer_;
  std::vector<ByteBuffer> bodies_;
  std::size_t bytes_max_ = kBatchBytesMax;
};

}  // namespace capstan
