#include "capstan/core/mail_runs.h"

#include <algorithm>

namespace capstan {

namespace {

/// A search decodes half a chunk on average: some 200 ns. Its header is less than an octet a run.
constexpr std::size_t kRunsPerChunkMax = 128;
/// Who keeps up has fewer: its runs are never packed.
constexpr std::size_t kNewestMax = 32;
constexpr std::size_t kPackedAtOnce = 16;
static_assert(kRunsPerChunkMax % kPackedAtOnce == 0 && kPackedAtOnce < kNewestMax);

constexpr std::uint64_t kSkipsPositions = 2;
constexpr std::uint64_t kExpiresOtherwise = 1;
constexpr unsigned kSpanShift = 2;

void append_varint(ByteBuffer& to, std::uint64_t number) {
  while (number >= 0x80) {
    to.push_back(static_cast<std::uint8_t>(number | 0x80));
    number >>= 7;
  }
  to.push_back(static_cast<std::uint8_t>(number));
}

std::uint64_t take_varint(Cursor& in) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t octet = in.u8();
    number |= (octet & 0x7F) << shift;
    if (octet < 0x80) return number;
  }
  in.fail();
  return 0;
}

/// Small differences up and down become small numbers.
std::uint32_t zigzag(std::uint32_t difference) {
  return (difference << 1) ^ (0U - (difference >> 31));
}

std::uint32_t unzigzag(std::uint32_t folded) { return (folded >> 1) ^ (0U - (folded & 1)); }

std::uint64_t position_behind(const MailRun& run) { return run.first.value + run.span; }

}  // namespace

// Differences wrap around: whatever stands in the index comes back as it was.
void append_run(ByteBuffer& to, const MailRun& before, const MailRun& run) {
  const std::uint64_t skipped = run.first.value - position_behind(before);
  const std::uint32_t later = zigzag(run.expires_s - before.expires_s);
  append_varint(to, std::uint64_t{run.span} << kSpanShift | (skipped != 0 ? kSkipsPositions : 0) |
                        (later != 0 ? kExpiresOtherwise : 0));
  append_varint(to, run.block.value - before.block.value);
  if (skipped != 0) append_varint(to, skipped);
  if (later != 0) append_varint(to, later);
}

MailRun take_run(Cursor& in, const MailRun& before) {
  MailRun run;
  const std::uint64_t head = take_varint(in);
  if (head >> kSpanShift > UINT32_MAX) in.fail();
  run.span = static_cast<std::uint32_t>(head >> kSpanShift);
  run.block = before.block.plus(take_varint(in));
  run.first = Position{position_behind(before)};
  if ((head & kSkipsPositions) != 0) run.first = run.first.plus(take_varint(in));
  run.expires_s = before.expires_s;
  if ((head & kExpiresOtherwise) != 0) {
    run.expires_s += unzigzag(static_cast<std::uint32_t>(take_varint(in)));
  }
  return run;
}

MailRuns::Decoded MailRuns::decode(const Chunk& chunk, const Decoded& before) {
  Cursor in(Bytes(chunk.octets).subspan(before.end));
  const MailRun run = take_run(in, before.run);
  return {run, chunk.octets.size() - in.remaining()};
}

MailRun MailRuns::front() const { return packed_ ? packed_->front.run : newest_[newest_from_]; }

void MailRuns::push_back(const MailRun& run) {
  if (newest_.size() == kNewestMax) pack_oldest();
  bytes_ -= newest_.capacity() * sizeof(MailRun);
  newest_.push_back(run);
  bytes_ += newest_.capacity() * sizeof(MailRun);
  ++size_;
}

MailRuns::Chunk& MailRuns::chunk_with_room() {
  if (!packed_) {
    packed_ = std::make_unique<Packed>();
    bytes_ += sizeof(Packed);
  }
  std::vector<Chunk>& chunks = packed_->chunks;
  if (chunks.empty() || chunks.back().runs == kRunsPerChunkMax) {
    bytes_ -= chunks.capacity() * sizeof(Chunk);
    chunks.emplace_back();
    bytes_ += chunks.capacity() * sizeof(Chunk);
  }
  return chunks.back();
}

/// Makes room among the newest runs: what is gone makes it, or else the oldest are packed.
void MailRuns::pack_oldest() {
  if (newest_from_ == 0) {
    ByteBuffer octets;
    Chunk& chunk = chunk_with_room();
    for (std::size_t i = 0; i < kPackedAtOnce; ++i) {
      append_run(octets, chunk.last, newest_[i]);
      chunk.last = newest_[i];
    }
    bytes_ -= chunk.octets.capacity();
    chunk.octets.reserve(chunk.octets.size() + octets.size());  // No more than it takes.
    append(chunk.octets, octets);
    bytes_ += chunk.octets.capacity();
    chunk.runs += kPackedAtOnce;
    if (packed_->front.end == 0) packed_->front = decode(chunk, {});
    newest_from_ = kPackedAtOnce;
  }
  newest_.erase(newest_.begin(), newest_.begin() + static_cast<std::ptrdiff_t>(newest_from_));
  newest_from_ = 0;
}

void MailRuns::pop_front() {
  --size_;
  if (!packed_) {
    if (++newest_from_ < newest_.size()) return;
    newest_.clear();
    newest_from_ = 0;
    return;
  }
  const Chunk& chunk = packed_->chunks[packed_->first];
  if (packed_->front.end < chunk.octets.size()) {
    packed_->front = decode(chunk, packed_->front);
  } else {
    forget_first_chunk();
  }
}

void MailRuns::forget_first_chunk() {
  auto& [chunks, first, front] = *packed_;
  bytes_ -= chunks[first].octets.capacity();
  ByteBuffer().swap(chunks[first].octets);
  ++first;
  if (first == chunks.size()) {
    bytes_ -= sizeof(Packed) + chunks.capacity() * sizeof(Chunk);
    packed_.reset();
    return;
  }
  front = decode(chunks[first], {});
  if (first * 2 < chunks.size()) return;
  chunks.erase(chunks.begin(), chunks.begin() + static_cast<std::ptrdiff_t>(first));
  first = 0;
}

MailRuns::Iterator MailRuns::begin() const { return {*this, first_chunk()}; }

MailRuns::Iterator MailRuns::end() const {
  Iterator end(*this, chunks_end());
  end.stand_at_newest(newest_.size());
  return end;
}

template <typename Before>
MailRuns::Iterator MailRuns::first_not(Before before) const {
  if (packed_) {
    const auto& chunks = packed_->chunks;
    const auto chunk = std::partition_point(
        chunks.begin() + static_cast<std::ptrdiff_t>(packed_->first), chunks.end(),
        [&](const Chunk& candidate) { return before(candidate.last); });
    if (chunk != chunks.end()) {
      Iterator at(*this, static_cast<std::size_t>(chunk - chunks.begin()));
      while (before(*at)) ++at;
      return at;
    }
  }
  const auto at = std::partition_point(newest_.begin() + static_cast<std::ptrdiff_t>(newest_from_),
                                       newest_.end(), before);
  Iterator newest(*this, chunks_end());
  newest.stand_at_newest(static_cast<std::size_t>(at - newest_.begin()));
  return newest;
}

MailRuns::Iterator MailRuns::from(Position position) const {
  return first_not([&](const MailRun& run) { return run.last() < position; });
}

MailRuns::Iterator MailRuns::from(Sequence block) const {
  return first_not([&](const MailRun& run) { return run.block < block; });
}

MailRuns::Iterator MailRuns::reaching(Sequence sequence) const {
  const Iterator behind = from(sequence.plus(1));
  // Behind the last run of a chunk: it is not gone through once more from its beginning.
  std::size_t chunk = behind.chunk_;
  Iterator at(*this, chunk);
  if (at == behind && chunk > first_chunk()) at = Iterator(*this, chunk - 1);
  Iterator next = at;
  while (at != behind && ++next != behind) at = next;
  return at;
}

bool MailRuns::operator==(const MailRuns& other) const {
  return size_ == other.size_ && std::equal(begin(), end(), other.begin());
}

void MailRuns::Iterator::enter(std::size_t chunk) {
  chunk_ = chunk;
  if (chunk == runs_->chunks_end()) {
    stand_at_newest(runs_->newest_from_);
  } else {
    at_ = chunk == runs_->first_chunk() ? runs_->packed_->front
                                        : decode(runs_->packed_->chunks[chunk], {});
  }
}

void MailRuns::Iterator::stand_at_newest(std::size_t index) {
  at_.end = index;
  if (index < runs_->newest_.size()) at_.run = runs_->newest_[index];
}

MailRuns::Iterator& MailRuns::Iterator::operator++() {
  if (chunk_ == runs_->chunks_end()) {
    stand_at_newest(at_.end + 1);
  } else if (const Chunk& chunk = runs_->packed_->chunks[chunk_]; at_.end < chunk.octets.size()) {
    at_ = decode(chunk, at_);
  } else {
    enter(chunk_ + 1);
  }
  return *this;
}

}  // namespace capstan
