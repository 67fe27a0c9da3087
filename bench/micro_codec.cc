// What one envelope costs on its way through the codec.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "agent_envelope.h"
#include "capstan/base/block.h"
#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "capstan/codec/record.h"

namespace capstan::bench {
namespace {

std::size_t payload_of(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

void count(benchmark::State& state, std::uint64_t envelopes, std::size_t bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(envelopes));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

std::uint64_t write_body(BodyWriter& writer, EnvelopeTemplate& envelope) {
  std::uint64_t number = 0;
  while (writer.size() < kBatchBytesTarget) {
    ++number;
    writer.write(SendView{1, number, envelope.write(number, 0)});
  }
  return number;
}

/// A client's body part of the usual size.
void write_send_frames(benchmark::State& state) {
  EnvelopeTemplate envelope(payload_of(state));
  std::uint64_t envelopes = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    BodyWriter writer;
    envelopes += write_body(writer, envelope);
    const ByteBuffer body = writer.take();
    bytes += body.size();
    benchmark::DoNotOptimize(body.data());
  }
  count(state, envelopes, bytes);
}
BENCHMARK(write_send_frames)->Arg(64)->Arg(256)->Arg(1024);

/// The same body part as the hub reads it: frames, and the envelope in each checked whole.
void read_send_frames(benchmark::State& state) {
  EnvelopeTemplate envelope(payload_of(state));
  BodyWriter writer;
  const std::uint64_t frames = write_body(writer, envelope);
  const ByteBuffer body = writer.take();
  std::uint64_t envelopes = 0;
  for (auto _ : state) {
    FrameRow row(body);
    while (const auto frame = row.next()) {
      const auto send = decode_send(*frame);
      CAPSTAN_CHECK(send && parse_envelope(send->envelope));
      ++envelopes;
    }
  }
  CAPSTAN_CHECK(envelopes == frames * static_cast<std::uint64_t>(state.iterations()));
  count(state, envelopes, body.size() * static_cast<std::size_t>(state.iterations()));
}
BENCHMARK(read_send_frames)->Arg(64)->Arg(256)->Arg(1024);

void parse_one_envelope(benchmark::State& state) {
  EnvelopeTemplate source(payload_of(state));
  const Bytes envelope = source.write(1, 0);
  for (auto _ : state) benchmark::DoNotOptimize(parse_envelope(envelope));
  const auto rounds = static_cast<std::uint64_t>(state.iterations());
  count(state, rounds, envelope.size() * rounds);
}
BENCHMARK(parse_one_envelope)->Arg(64)->Arg(256)->Arg(1024);

/// Records of one block, with their heads stamped, as the core's commit stage makes them.
void encode_records(benchmark::State& state) {
  EnvelopeTemplate source(payload_of(state));
  const Bytes envelope = source.write(1, 0);
  EnvelopeRecord record;
  record.envelope = envelope;
  ByteBuffer records;
  std::uint64_t envelopes = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    records.clear();
    while (records.size() + envelope.size() + kEnvelopeRecordHeaderBytes < kBlockBytesMax) {
      ++record.number;
      const std::size_t at = encode_record(record, records);
      stamp_envelope(records.data() + at, EnvelopeId{}, record.number, ChannelId{}, AgentId{});
      ++envelopes;
    }
    bytes += records.size();
  }
  count(state, envelopes, bytes);
}
BENCHMARK(encode_records)->Arg(64)->Arg(256)->Arg(1024);

}  // namespace
}  // namespace capstan::bench
