// Inputs that nobody sends in good faith, and what every decoder promises about all of them.
#pragma once

#include <gtest/gtest.h>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "capstan/codec/record.h"

namespace capstan::codec_test {

/// Every shorter beginning of `bytes`, each in memory of exactly its length.
template <typename Check>
void for_every_truncation(const ByteBuffer& bytes, Check check) {
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const ByteBuffer cut(bytes.data(), bytes.data() + length);
    check(Bytes(cut));
  }
}

/// `bytes` with one byte replaced, for every place and every other value.
template <typename Check>
void for_every_changed_byte(const ByteBuffer& bytes, Check check) {
  ByteBuffer changed(bytes);
  for (std::uint8_t& place : changed) {
    const std::uint8_t original = place;
    for (unsigned step = 1; step < 256; ++step) {
      place = static_cast<std::uint8_t>(original + step);
      check(Bytes(changed));
    }
    place = original;
  }
}

inline bool inside(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

inline void walk_rows(Bytes input) {
  FrameRow row(input);
  std::size_t taken = 0;
  while (const auto frame = row.next()) {
    ASSERT_TRUE(inside(*frame, input));
    taken += frame->size() + 2;
  }
  ASSERT_LE(taken, input.size()) << "a bin is at least two bytes longer than its content";
  if (row.well_formed()) return;
  ASSERT_FALSE(row.next().has_value()) << "a broken row stays broken";
}

inline void walk_records(Bytes input) {
  Block block;
  block.base = Sequence{1};
  block.records.assign(input.begin(), input.end());
  const Bytes records = block.records;
  RecordReader reader(block);
  std::size_t end = 0;
  while (const auto record = reader.next()) {
    ASSERT_GT(record->end_offset, end);
    ASSERT_TRUE(inside(record->payload, records));
    end = record->end_offset;
    if (const auto envelope = decode_envelope_record(*record)) {
      ASSERT_TRUE(inside(envelope->recipients, records));
      ASSERT_TRUE(inside(envelope->envelope, records));
    }
  }
  ASSERT_LE(end, input.size());
}

inline void decode_payload(Bytes input) {
  (void)decode_agent_record(input);
  (void)decode_skipped_record(input);
  (void)decode_segment_record(input);
  (void)decode_start_record(input);
  (void)decode_gap_record(input);
  if (const auto settled = decode_settled_record(input)) {
    ASSERT_LE(settled->intervals.size() * 16, input.size()) << "no more than the bytes can hold";
  }
  if (const auto row = decode_snapshot_row(input)) {
    ASSERT_TRUE(inside(row->key, input) && inside(row->value, input));
  }
}

inline void decode_frame(Bytes input) {
  (void)peek_type(input);
  (void)decode_accept(input);
  (void)decode_receipt(input);
  (void)decode_control(input);
  const auto send = decode_send(input);
  ASSERT_TRUE(!send || inside(send->envelope, input));
  const auto notify = decode_notify(input);
  ASSERT_TRUE(!notify || inside(notify->envelope, input));
}

inline void decode_as_envelope(Bytes input) {
  const auto view = parse_envelope(input);
  const auto whole = decode_envelope(input);
  ASSERT_EQ(view.has_value(), whole.ok()) << "the two readers of envelopes agree";
  if (!view) return;
  ASSERT_TRUE(inside(view->event_data(), input));
  ASSERT_TRUE(inside(as_bytes(view->event_type()), input));
  ASSERT_EQ(view->event_type(), whole->event_type);
  ASSERT_EQ(view->priority(), whole->priority);
  ASSERT_EQ(view->ttl_seconds(), whole->ttl_seconds);
  ASSERT_EQ(view->has_audience(), whole->audience.has_value());
}

/// Shows `input` to every decoder. Whatever it is: no crash, and no view leaves it. What reads
/// beyond the input is AddressSanitizer's to find.
inline void decode_by_all(Bytes input) {
  walk_rows(input);
  walk_records(input);
  decode_payload(input);
  decode_frame(input);
  decode_as_envelope(input);
  (void)decode_params(input);
  (void)decode_text_event(input);
}

/// Truncations and single changed bytes of `bytes`, shown to every decoder.
inline void attack_all_decoders_with(const ByteBuffer& bytes) {
  for_every_truncation(bytes, decode_by_all);
  for_every_changed_byte(bytes, decode_by_all);
}

}  // namespace capstan::codec_test
