// Envelopes that an application itself marked as repeats: the same idempotency key within an hour
// is the same envelope. PROTOCOL.md §6.11.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/ids.h"
#include "capstan/base/journal_io.h"

namespace capstan {

/// How long a key stands, by the clock of envelope ids.
inline constexpr std::uint64_t kKeyWindowNs = 3'600'000'000'000;
/// Keys of one sender; the oldest go first.
inline constexpr std::size_t kKeysPerSenderMax = std::size_t{1} << 20;
/// Keys of all senders; the sender with the most loses its oldest. About 110 octets each in memory.
inline constexpr std::size_t kKeysMax = std::size_t{4} << 20;
/// Keys are kept, saved and forgotten in groups of this many.
inline constexpr std::size_t kKeysPerGroup = 1024;

/// The keys of all senders. Part of the fold: what it holds follows from what was noted, alone.
class IdempotencyKeys {
 public:
  /// 128 bits of a key: XXH3-128.
  struct Hash {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const Hash&) const = default;
  };

  /// The id that `key` was stored under less than an hour before `clock_ns`.
  [[nodiscard]] std::optional<EnvelopeId> find(AgentId sender, Bytes key,
                                               std::uint64_t clock_ns) const;

  /// Notes that an envelope with this key was stored.
  void note(AgentId sender, Bytes key, const EnvelopeId& id);

  [[nodiscard]] std::size_t size() const { return total_; }

  // ---- Rows, FORMAT.md §5 ----

  /// Takes the row of one group; groups of a sender come in ascending order.
  /// Errors: false for a value that is none.
  [[nodiscard]] bool load(AgentId sender, std::uint64_t serial, Bytes value);
  /// Groups that changed since the last call, and keys of rows that went.
  void take_dirty(std::vector<StateRow>& puts, std::vector<std::string>& deletes);
  /// All rows, in the order of keys.
  void for_each_row(const RowSink& take) const;
  void mark_all_dirty();
  [[nodiscard]] bool dirty() const { return !dirty_.empty() || !deleted_.empty(); }

 private:
  struct Entry {
    Hash hash;
    EnvelopeId id;
  };
  struct Group {
    std::uint64_t serial = 0;
    std::vector<Entry> entries;
  };
  struct Sender {
    std::deque<Group> groups;        ///< The oldest first.
    std::map<Hash, EnvelopeId> ids;  ///< Ordered: clients choose the keys.
  };

  void drop_oldest(AgentId sender, Sender& keys);
  void forget_old(std::uint64_t clock_ns);
  [[nodiscard]] static StateRow row(AgentId sender, const Group& group);

  std::map<AgentId, Sender> senders_;  // Ordered: which one loses keys is the same in every build.
  std::size_t total_ = 0;
  std::set<std::pair<AgentId, std::uint64_t>> dirty_;
  std::set<std::pair<AgentId, std::uint64_t>> deleted_;  // Their rows go with the next checkpoint.
};

}  // namespace capstan
