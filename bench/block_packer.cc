#include "block_packer.h"

#include <xxhash.h>

#include <cstring>
#include <utility>

#include "capstan/base/block.h"
#include "capstan/base/check.h"
#include "floor_wire.h"

namespace capstan::bench {
namespace {

/// As much as a block needs to be found, ordered and checked.
struct BlockHead {
  std::uint64_t version = 1;
  std::uint64_t number = 0;
  std::uint64_t checksum = 0;
  std::uint64_t checksum_before = 0;
};

std::size_t first_envelope_bytes(Bytes envelopes) {
  FloorEnvelope head;
  CAPSTAN_CHECK(envelopes.size() >= sizeof head);
  std::memcpy(&head, envelopes.data(), sizeof head);
  const std::size_t bytes = sizeof head + head.payload_bytes;
  CAPSTAN_CHECK(bytes <= envelopes.size());
  return bytes;
}

}  // namespace

BlockPacker::BlockPacker() : gathered_(std::make_unique<BlockBatch>()) {
  block_.reserve(sizeof(BlockHead) + kBlockBytesMax);
}

void BlockPacker::add(Bytes envelopes) {
  while (!envelopes.empty()) {
    if (block_.empty()) block_.resize(sizeof(BlockHead));
    const std::size_t run = run_that_fits(envelopes);
    append(block_, envelopes.first(run));
    envelopes = envelopes.subspan(run);
    if (!envelopes.empty()) close_block();
  }
}

std::unique_ptr<BlockBatch> BlockPacker::take(std::unique_ptr<BlockBatch> spent) {
  if (!block_.empty()) close_block();
  spent->clear();
  return std::exchange(gathered_, std::move(spent));
}

std::size_t BlockPacker::run_that_fits(Bytes envelopes) const {
  const std::size_t used = block_.size() - sizeof(BlockHead);
  std::size_t run = 0;
  while (run < envelopes.size()) {
    const std::size_t next = first_envelope_bytes(envelopes.subspan(run));
    const bool stands_alone = used + run == 0;
    if (used + run + next > kBlockBytesMax && !stands_alone) break;
    run += next;
  }
  return run;
}

void BlockPacker::close_block() {
  BlockHead head;
  head.number = next_block_++;
  head.checksum_before = last_checksum_;
  head.checksum = XXH3_64bits(block_.data() + sizeof head, block_.size() - sizeof head);
  last_checksum_ = head.checksum;
  std::memcpy(block_.data(), &head, sizeof head);
  gathered_->put(head.number, block_);
  block_.clear();
}

}  // namespace capstan::bench
