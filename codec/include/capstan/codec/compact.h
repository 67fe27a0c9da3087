// The compact form: frames ⇄ one body part. PROTOCOL.md §3.
#pragma once

#include <cstdint>
#include <optional>

#include "capstan/base/bytes.h"
#include "capstan/base/cursor.h"
#include "capstan/base/result.h"
#include "capstan/codec/frame.h"

namespace capstan {

/// Walks a body part: a row of msgpack bins, one frame each.
class FrameRow {
 public:
  explicit FrameRow(Bytes body) : in_(body) {}

  /// The next frame's bytes; empty at the end and at the first byte that is not a whole bin.
  [[nodiscard]] std::optional<Bytes> next();

  /// After next() gave nothing: false when bytes remained that are no bin.
  [[nodiscard]] bool well_formed() const { return in_.ok(); }

 private:
  Cursor in_;
};

/// The type number in a frame's first element; empty when the frame is not an array that begins
/// with one. The number may be of a frame that we do not know.
[[nodiscard]] std::optional<std::uint8_t> peek_type(Bytes frame);

/// The number under which a frame that begins as `request` does wants its answer: what is too large
/// to be parsed is answered all the same. Empty of any other frame.
[[nodiscard]] std::optional<std::uint64_t> peek_request_id(Bytes frame);

// The fast path: no allocation; views point into `frame`. Empty when malformed.
[[nodiscard]] std::optional<SendView> decode_send(Bytes frame);
[[nodiscard]] std::optional<Accept> decode_accept(Bytes frame);
[[nodiscard]] std::optional<NotifyView> decode_notify(Bytes frame);
[[nodiscard]] std::optional<Receipt> decode_receipt(Bytes frame);

/// Parses every other frame, with limits.
/// Errors: kMalformedFrame, kUnknownFrame (also for fast-path types, which are not control frames).
[[nodiscard]] Result<ControlFrame> decode_control(Bytes frame);

class FrameHeader;

/// Appends frames to one body part.
class BodyWriter {
 public:
  void write(const Hello&);
  void write(const Welcome&);
  void write(const Attach&);
  void write(const SendView&);
  void write(const Accept&);
  void write(const NotifyView&);
  void write(const Receipt&);
  void write(const ErrorFrame&);
  void write(const Ping&);
  void write(const Pong&);
  void write(const Request&);
  void write(const Response&);
  void write(const Bye&);
  void write(const Subscribe&);
  void write(const Unsubscribe&);
  void write(const Presence&);

  /// Appends frames that another writer wrote.
  void append_body(const ByteBuffer& body) { append(body_, body); }

  [[nodiscard]] bool empty() const { return body_.empty(); }
  [[nodiscard]] std::size_t size() const { return body_.size(); }

  /// The body part; the writer is empty afterwards.
  [[nodiscard]] ByteBuffer take();

 private:
  template <typename WriteFields>
  void frame(FrameType type, std::uint32_t field_count, WriteFields write_fields);

  void append_frame(FrameHeader& header, Bytes tail);
  void reserve();

  ByteBuffer body_;
  std::size_t last_size_ = 0;  ///< Of the body before: the next one is likely to be as large.
};

}  // namespace capstan
