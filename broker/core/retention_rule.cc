#include "capstan/core/retention_rule.h"

#include <algorithm>
#include <array>

#include "capstan/base/clock.h"

namespace capstan {

namespace {

constexpr std::array<std::string_view, 5> kKinds{"settled", "age", "bytes", "count", "forever"};

constexpr Sequence kBehindAll{UINT64_MAX};

/// Whether something in a segment is kept, when so much is stored behind it.
bool keeps(const RetentionRule& rule, const SegmentContents& contents, const SegmentContents& later,
           std::uint64_t wall_ns) {
  switch (rule.kind) {
    case RetentionKind::kSettled:
      return false;
    case RetentionKind::kAge:
      return wall_ns < retained_until_ns(rule, contents);
    case RetentionKind::kBytes:
      return later.bytes < rule.limit;
    case RetentionKind::kCount:
      return later.envelopes < rule.limit;
    case RetentionKind::kForever:
      return true;
  }
  return true;
}

}  // namespace

std::string_view retention_kind_text(RetentionKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

std::optional<RetentionKind> retention_kind_of_text(std::string_view text) {
  const auto at = std::find(kKinds.begin(), kKinds.end(), text);
  if (at == kKinds.end()) return std::nullopt;
  return static_cast<RetentionKind>(at - kKinds.begin());
}

Sequence retained_from(const RetentionRule& rule, const State& state, std::uint64_t wall_ns) {
  if (rule.kind == RetentionKind::kForever) return Sequence{};
  Sequence from = kBehindAll;
  SegmentContents later;
  for (auto at = state.segments().rbegin(); at != state.segments().rend(); ++at) {
    const SegmentContents contents = state.contents_of(at->first);
    if (contents.envelopes == 0) continue;  // Nothing in it to keep.
    if (!keeps(rule, contents, later, wall_ns)) break;
    from = at->first;
    later.envelopes += contents.envelopes;
    later.bytes += contents.bytes;
  }
  return from;
}

std::uint64_t retained_until_ns(const RetentionRule& rule, const SegmentContents& contents) {
  if (rule.kind != RetentionKind::kAge) return 0;
  return contents.newest_ns + rule.limit * kNsPerSecond;
}

}  // namespace capstan
