// The block index of one lane: which blocks hold the waiting mail of one mailbox and priority. The
// newest runs stand as they are, older ones packed into a few octets each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "capstan/base/cursor.h"
#include "capstan/base/ids.h"

namespace capstan {

/// Envelopes of one mailbox and one priority that stand in one block, somewhere among the positions
/// first … last(). Those in between that have another priority stand in the same block.
struct MailRun {
  Sequence block;  ///< Base sequence.
  Position first;
  std::uint32_t span = 0;
  std::uint32_t expires_s = 0;  ///< Not before this second since 1970; 0: nothing in it expires.
  [[nodiscard]] Position last() const { return first.plus(span - 1); }
  bool operator==(const MailRun&) const = default;
};

/// Appends a run as its differences to the one before it; to an empty one where it is the first.
/// Source: FORMAT.md §5, `R` rows.
void append_run(ByteBuffer& to, const MailRun& before, const MailRun& run);
/// What append_run() wrote after `before`. Errors: `in` is failed when it wrote no such thing.
[[nodiscard]] MailRun take_run(Cursor& in, const MailRun& before);

/// Runs in the order of their positions and of their blocks, which is the same.
///
/// Shape:  two to five octets a packed run, where its block holds one envelope of the lane.
/// A change makes its iterators invalid; they give runs by value, or until they move on.
class MailRuns {
 public:
  class Iterator;

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// What it takes of memory, the allocator's own share aside.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// It has packed runs: each further one adds to them.
  [[nodiscard]] bool is_long() const { return packed_ != nullptr; }

  [[nodiscard]] MailRun front() const;
  /// The newest run, which may still grow; of runs that are not empty().
  [[nodiscard]] const MailRun& back() const { return newest_.back(); }
  [[nodiscard]] MailRun& back() { return newest_.back(); }
  void push_back(const MailRun& run);
  void pop_front();

  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  /// The first run that holds `position` or lies above it.
  [[nodiscard]] Iterator from(Position position) const;
  /// The first run in the block with this base or in a later one.
  [[nodiscard]] Iterator from(Sequence block) const;
  /// The last run in a block with a base up to `sequence`; without one, the first of all.
  [[nodiscard]] Iterator reaching(Sequence sequence) const;

  bool operator==(const MailRuns& other) const;

 private:
  /// Packed runs, complete by themselves: a search decodes no more than one chunk.
  struct Chunk {
    ByteBuffer octets;
    std::uint32_t runs = 0;
    MailRun last;
  };
  /// A run of a chunk, and where the next one begins.
  struct Decoded {
    MailRun run;
    std::size_t end = 0;
  };
  struct Packed {
    std::vector<Chunk> chunks;
    std::size_t first = 0;  ///< Chunks before it are gone.
    Decoded front;          ///< In that chunk: runs before it are gone.
  };

  [[nodiscard]] static Decoded decode(const Chunk& chunk, const Decoded& before);
  [[nodiscard]] std::size_t first_chunk() const { return packed_ ? packed_->first : 0; }
  [[nodiscard]] std::size_t chunks_end() const { return packed_ ? packed_->chunks.size() : 0; }
  void forget_first_chunk();
  void pack_oldest();
  Chunk& chunk_with_room();
  template <typename Before>
  [[nodiscard]] Iterator first_not(Before before) const;

  std::unique_ptr<Packed> packed_;  ///< Null while there are none.
  std::vector<MailRun> newest_;     ///< Holds the newest run of all, unless empty().
  std::size_t newest_from_ = 0;     ///< Those before it are gone.
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

/// Goes through the runs from the oldest to the newest.
class MailRuns::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = MailRun;
  using difference_type = std::ptrdiff_t;
  using pointer = const MailRun*;
  using reference = const MailRun&;

  reference operator*() const { return at_.run; }
  pointer operator->() const { return &at_.run; }
  Iterator& operator++();
  bool operator==(const Iterator& other) const {
    return chunk_ == other.chunk_ && at_.end == other.at_.end;
  }

 private:
  friend class MailRuns;
  Iterator(const MailRuns& runs, std::size_t chunk) : runs_(&runs) { enter(chunk); }
  /// At the first run of a chunk, or of the newest runs behind the last one.
  void enter(std::size_t chunk);
  void stand_at_newest(std::size_t index);

  const MailRuns* runs_;
  std::size_t chunk_ = 0;
  Decoded at_;  ///< Among the newest runs `end` counts runs.
};

}  // namespace capstan
