#include "capstan/codec/record.h"

#include "hostile.h"
#include "samples.h"

namespace capstan {
namespace {

using codec_test::id_from;

AgentRecord sample_agent() {
  AgentRecord agent;
  agent.id = id_from<AgentId>(0x10);
  agent.name = "bob";
  agent.key.fill(0x7e);
  agent.role = AgentRole::kAdmin;
  agent.version = 3;
  agent.created_at_ns = 0x0102030405060708ULL;
  agent.updated_at_ns = 0x0202030405060708ULL;
  agent.registered_at_ns = 0x0302030405060708ULL;
  agent.durability = Durability::kWritten;
  agent.profile.passport = {0x80};
  agent.profile.resume = {0x81, 0x01, 0x02};
  agent.profile.skill = "how to fold paper";
  agent.profile.rule = {0x81, 0x01, 0xc0};
  return agent;
}

SettledRecord sample_settled() {
  return {id_from<AgentId>(0x10),
          id_from<ChannelId>(0x20),
          SettledWhy::kGap,
          12'345,
          {{Position{1}, Position{4}}, {Position{9}, Position{9}}}};
}

/// The payload of the only record that `encode` wrote.
template <typename Record>
ByteBuffer payload_of(const Record& record, RecordType type) {
  Block block;
  block.base = Sequence{7};
  encode_record(record, block.records);
  RecordReader reader(block);
  const auto view = reader.next();
  EXPECT_TRUE(view.has_value() && reader.at_end());
  EXPECT_EQ(view->type, type);
  EXPECT_EQ(view->sequence, Sequence{7});
  return {view->payload.begin(), view->payload.end()};
}

/// A record of fixed parts is the same after a round trip, and no shorter or longer payload is one.
template <typename Record, typename Decode>
void expect_exact(const Record& record, RecordType type, Decode decode) {
  ByteBuffer payload = payload_of(record, type);
  codec_test::for_every_truncation(
      payload, [&](Bytes cut) { EXPECT_FALSE(decode(cut).has_value()) << cut.size(); });
  const auto decoded = decode(payload);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, record);
  payload.push_back(0);
  EXPECT_FALSE(decode(payload).has_value()) << "a byte behind the record";
}

/// Envelope, agent and marker: three records in one block.
Block three_records() {
  Block block;
  block.base = Sequence{100};
  block.record_count = 3;
  const ByteBuffer envelope = codec_test::encoded(codec_test::full_envelope());
  encode_record(EnvelopeRecord{Position{5}, 77, 3, {}, envelope}, block.records);
  encode_record(sample_agent(), block.records);
  encode_marker_record(RecordType::kSnapshotEnd, block.records);
  return block;
}

TEST(RecordReader, ABlockCutAnywhereGivesTheWholeRecordsBeforeTheCut) {
  const Block whole = three_records();
  std::vector<std::size_t> ends;
  RecordReader reader(whole);
  while (const auto record = reader.next()) ends.push_back(record->end_offset);
  ASSERT_EQ(ends.size(), 3U);
  codec_test::for_every_truncation(whole.records, [&](Bytes cut) {
    Block block;
    block.base = Sequence{100};
    block.records.assign(cut.begin(), cut.end());
    RecordReader cut_reader(block);
    std::size_t records = 0;
    while (cut_reader.next()) ++records;
    const auto expected = static_cast<std::size_t>(std::count_if(
        ends.begin(), ends.end(), [&](std::size_t end) { return end <= cut.size(); }));
    EXPECT_EQ(records, expected) << cut.size();
    const std::size_t last_end = records == 0 ? 0 : ends[records - 1];
    EXPECT_EQ(cut_reader.at_end(), cut.size() == last_end) << cut.size();
  });
}

TEST(RecordReader, ALengthBeyondTheBlockIsRefused) {
  Block block = three_records();
  for (std::size_t i = 0; i < 4; ++i) block.records[i] = 0xff;
  RecordReader reader(block);
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_FALSE(reader.at_end());
}

TEST(RecordReader, NoChangedByteOfABlockCrashesAnyDecoder) {
  codec_test::attack_all_decoders_with(three_records().records);
}

TEST(RecordReader, CountsSequencesAndOffsetsFromTheBase) {
  const Block block = three_records();
  RecordReader reader(block);
  const auto first = reader.next();
  const auto second = reader.next();
  const auto third = reader.next();
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(first->sequence, Sequence{100});
  EXPECT_EQ(second->sequence, Sequence{101});
  EXPECT_EQ(third->sequence, Sequence{102});
  EXPECT_EQ(third->type, RecordType::kSnapshotEnd);
  EXPECT_TRUE(third->payload.empty());
  EXPECT_EQ(third->end_offset, block.records.size());
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.next().has_value());
}

TEST(RecordReader, GoesOnWhereAnotherStopped) {
  const Block block = three_records();
  RecordReader reader(block);
  const auto first = reader.next();
  ASSERT_TRUE(first.has_value());
  RecordReader later(block, first->end_offset, first->sequence.plus(1));
  const auto second = later.next();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->sequence, Sequence{101});
  EXPECT_EQ(decode_agent_record(second->payload), sample_agent());
}

TEST(RecordReader, ABlockWithoutRecordsIsAtItsEnd) {
  const Block block;
  RecordReader reader(block);
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.next().has_value());
}

TEST(EnvelopeRecord, EncodedAndDecodedIsTheSame) {
  const ByteBuffer envelope = codec_test::encoded(codec_test::full_envelope());
  const ByteBuffer recipients(48, 0xab);
  Block block;
  block.base = Sequence{1};
  const std::size_t offset =
      encode_record(EnvelopeRecord{Position{5}, 77, 3, recipients, envelope}, block.records);
  EXPECT_TRUE(equal(Bytes(block.records).subspan(offset), envelope));
  EXPECT_EQ(block.records.size(), kEnvelopeRecordHeaderBytes + recipients.size() + envelope.size());
  RecordReader reader(block);
  const auto record = reader.next();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->recipient_count, 3U);
  const auto decoded = decode_envelope_record(*record);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->position, Position{5});
  EXPECT_EQ(decoded->epoch, 77U);
  EXPECT_EQ(decoded->number, 3U);
  EXPECT_TRUE(equal(decoded->recipients, recipients));
  EXPECT_TRUE(equal(decoded->envelope, envelope));
}

TEST(EnvelopeRecord, MoreRecipientsThanBytesIsRefused) {
  Block block;
  block.base = Sequence{1};
  encode_record(EnvelopeRecord{Position{5}, 77, 3, {}, {}}, block.records);
  RecordReader reader(block);
  auto record = reader.next();
  ASSERT_TRUE(record.has_value());
  ASSERT_TRUE(decode_envelope_record(*record).has_value());
  record->recipient_count = 1;
  EXPECT_FALSE(decode_envelope_record(*record).has_value());
  record->recipient_count = UINT16_MAX;
  EXPECT_FALSE(decode_envelope_record(*record).has_value());
}

TEST(Records, EveryOtherKindIsExact) {
  expect_exact(sample_agent(), RecordType::kAgent, decode_agent_record);
  expect_exact(sample_settled(), RecordType::kSettled, decode_settled_record);
  expect_exact(SettledRecord{}, RecordType::kSettled, decode_settled_record);
  expect_exact(SkippedRecord{{id_from<AgentId>(0x10), 9}, 4}, RecordType::kSkipped,
               decode_skipped_record);
  expect_exact(SegmentRecord{Sequence{5}, SegmentState::kDropping}, RecordType::kSegment,
               decode_segment_record);
  expect_exact(AgentRetiredRecord{id_from<AgentId>(0x10), 5}, RecordType::kAgentRetired,
               decode_agent_retired_record);
  expect_exact(StartRecord{id_from<BootId>(0x10), 5}, RecordType::kStart, decode_start_record);
  expect_exact(Gap{Sequence{3}, Sequence{9}}, RecordType::kGap, decode_gap_record);
}

TEST(Records, ASkippedStretchWithoutItsCountIsOneNumber) {
  const SkippedRecord stretch{{id_from<AgentId>(0x10), 9}, 4, 16'384};
  const ByteBuffer payload = payload_of(stretch, RecordType::kSkipped);
  const SkippedRecord one{stretch.producer, stretch.number};
  const std::size_t without = payload_of(one, RecordType::kSkipped).size();
  codec_test::for_every_truncation(payload, [&](Bytes cut) {
    EXPECT_EQ(decode_skipped_record(cut).has_value(), cut.size() == without) << cut.size();
  });
  EXPECT_EQ(decode_skipped_record(Bytes(payload).first(without)), one);
  EXPECT_EQ(decode_skipped_record(payload), stretch);
}

// ---- Records that a thinned block leaves out ----

TEST(LeftOut, SequencesGoOnBehindWhatIsLeftOut) {
  Block block;
  block.base = Sequence{100};
  block.record_count = 10;
  append_left_out(3, block.records);
  encode_record(StartRecord{id_from<BootId>(0x10), 5}, block.records);
  append_left_out(4, block.records);
  encode_record(StartRecord{id_from<BootId>(0x10), 6}, block.records);
  append_left_out(1, block.records);
  RecordReader reader(block);
  EXPECT_EQ(reader.next()->sequence, Sequence{103});
  const auto last = reader.next();
  EXPECT_EQ(last->sequence, Sequence{108});
  EXPECT_FALSE(reader.at_end());
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_TRUE(reader.at_end());
  // A scan that stopped goes on where it was.
  RecordReader again(block, last->end_offset, Sequence{109});
  EXPECT_FALSE(again.next().has_value());
  EXPECT_TRUE(again.at_end());
}

TEST(LeftOut, OfNoneAndOfAnotherLengthIsDamage) {
  Block none;
  append_left_out(0, none.records);
  Block cut;
  append_left_out(1, cut.records);
  cut.records[0] = 3;
  cut.records.pop_back();
  for (const Block& block : {none, cut}) {
    RecordReader reader(block);
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_FALSE(reader.at_end());
  }
}

TEST(Records, MoreIntervalsThanBytesAreRefused) {
  ByteBuffer payload = payload_of(SettledRecord{}, RecordType::kSettled);
  for (std::size_t i = payload.size() - 4; i < payload.size(); ++i) payload[i] = 0xff;
  EXPECT_FALSE(decode_settled_record(payload).has_value());
}

TEST(SnapshotRows, KeyAndValueComeBack) {
  const ByteBuffer key{'M', 1, 2, 3};
  const ByteBuffer value(70'000, 0x11);
  const ByteBuffer payload = payload_of(SnapshotRow{key, value}, RecordType::kSnapshotRow);
  const auto row = decode_snapshot_row(payload);
  ASSERT_TRUE(row.has_value());
  EXPECT_TRUE(equal(row->key, key));
  EXPECT_TRUE(equal(row->value, value));
}

TEST(SnapshotRows, AKeyLongerThanTheRowIsRefused) {
  const ByteBuffer payload = payload_of(SnapshotRow{as_bytes("key"), {}}, RecordType::kSnapshotRow);
  codec_test::for_every_truncation(
      payload, [](Bytes cut) { EXPECT_FALSE(decode_snapshot_row(cut).has_value()) << cut.size(); });
  EXPECT_TRUE(decode_snapshot_row(payload).has_value());
}

}  // namespace
}  // namespace capstan
