// What the hub's core costs per envelope, without sockets and without a disk.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "agent_envelope.h"
#include "capstan/base/check.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "core_loop.h"

namespace capstan::bench {
namespace {

/// From a body part of send frames to the receiver's frames: decode, admit, order, pack into
/// blocks, commit, apply, index, deliver. The acknowledgement of the one before is in the figure.
void route_body(benchmark::State& state) {
  CoreLoop core;
  EnvelopeTemplate envelope(static_cast<std::size_t>(state.range(0)));
  const ChannelId mailbox = core.mailbox();
  std::uint64_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::uint64_t delivered = number;
    BodyWriter writer;
    ByteBuffer addressed;
    while (writer.size() < kBatchBytesTarget) {
      const Bytes written = envelope.write(++number, 0);
      addressed.assign(written.begin(), written.end());
      stamp_envelope(addressed.data(), EnvelopeId{}, 0, mailbox, AgentId{});
      writer.write(SendView{CoreLoop::kSession, number, addressed});
    }
    const ByteBuffer body = writer.take();
    state.ResumeTiming();
    if (delivered > 0) core.acknowledge_up_to(delivered);
    CAPSTAN_CHECK(core.route(body) > body.size() / 2);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(number));
}
BENCHMARK(route_body)->Arg(64)->Arg(256)->Arg(1024);

}  // namespace
}  // namespace capstan::bench
