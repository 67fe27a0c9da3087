#include "block_packer.h"

#include <xxhash.h>

#include <cstring>
#include <utility>

#include "capstan/base/block.h"
#include "capstan/base/check.h"
#include "floor_wire.h"

namespace capstan::bench {
namespace {

std::size_t first_envelope_bytes(Bytes envelopes) {
  FloorEnvelope head;
  CAPSTAN_CHECK(envelopes.size() >= sizeof head);
  std::memcpy(&head, envelopes.data(), sizeof head);
  const std::size_t bytes = sizeof head + head.payload_bytes;
  CAPSTAN_CHECK(bytes <= envelopes.size());
  return bytes;
}

// Whole envelopes from the front, as many as a block may hold.
std::size_t run_that_fits(Bytes envelopes) {
  std::size_t run = first_envelope_bytes(envelopes);
  while (run < envelopes.size()) {
    const std::size_t next = first_envelope_bytes(envelopes.subspan(run));
    if (run + next > kBlockBytesMax) break;
    run += next;
  }
  return run;
}

}  // namespace

void BlockPacker::add(Bytes envelopes) {
  while (!envelopes.empty()) {
    const std::size_t run = run_that_fits(envelopes);
    put(envelopes.first(run));
    envelopes = envelopes.subspan(run);
  }
}

std::unique_ptr<BlockBatch> BlockPacker::take(std::unique_ptr<BlockBatch> spent) {
  spent->clear();
  return std::exchange(gathered_, std::move(spent));
}

void BlockPacker::put(Bytes block) {
  BlockKey key;
  key.number = next_block_++;
  key.checksum = XXH3_64bits(block.data(), block.size());
  key.checksum_before = std::exchange(last_checksum_, key.checksum);
  gathered_->put(key, block);
}

}  // namespace capstan::bench
