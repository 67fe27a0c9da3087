// Which settled mail stays on disk for a while. The unit is the segment: what is retained is
// neither dropped nor thinned.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "capstan/core/state.h"

namespace capstan {

enum class RetentionKind : std::uint8_t {
  kSettled,  ///< None: what everybody has acknowledged may go.
  kAge,      ///< What was accepted within the last so many seconds.
  kBytes,    ///< The newest so many octets, of all mailboxes together.
  kCount,    ///< The newest so many envelopes, of all mailboxes together.
  kForever,  ///< All.
};

/// "settled", "age", "bytes", "count", "forever".
[[nodiscard]] std::string_view retention_kind_text(RetentionKind kind);
[[nodiscard]] std::optional<RetentionKind> retention_kind_of_text(std::string_view text);

struct RetentionRule {
  RetentionKind kind = RetentionKind::kSettled;
  std::uint64_t limit = 0;  ///< Seconds, octets or envelopes; of the other kinds nothing.
};

/// The oldest segment with something that the rule keeps; all later ones are kept, too. Behind all
/// sequences when nothing is.
[[nodiscard]] Sequence retained_from(const RetentionRule& rule, const State& state,
                                     std::uint64_t wall_ns);

/// When all in a segment is too old for the rule, by the wall clock; 0: never.
[[nodiscard]] std::uint64_t retained_until_ns(const RetentionRule& rule,
                                              const SegmentContents& contents);

}  // namespace capstan
