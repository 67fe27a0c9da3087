// Which settled mail has to be on disk still.
#include "auditor.h"
#include "capstan/base/clock.h"

namespace capstan::sim {

bool Auditor::is_retained(const KeptMail& mail, std::uint64_t later,
                          std::uint64_t later_bytes) const {
  const RetentionRule& rule = plan_.hub.retention;
  switch (rule.kind) {
    case RetentionKind::kSettled:
      return false;
    case RetentionKind::kAge:
      return mail.id.clock_ns() + rule.limit * kNsPerSecond > wall_ns_max_;
    case RetentionKind::kBytes:
      return later_bytes < rule.limit;
    case RetentionKind::kCount:
      return later < rule.limit;
    case RetentionKind::kForever:
      return true;
  }
  return true;
}

void Auditor::retention_gave_way() {
  counts_.add(Count::kGaveWay);
  if (!ledger_.stored().empty()) gave_way_until_ = ledger_.stored().back().id;
}

std::vector<EnvelopeId> Auditor::retained() const {
  std::vector<EnvelopeId> ids;
  std::uint64_t bytes = 0;
  for (auto at = ledger_.stored().rbegin(); at != ledger_.stored().rend(); ++at) {
    if (at->id <= gave_way_until_ || !is_retained(*at, ids.size(), bytes)) break;
    ids.push_back(at->id);
    bytes += at->bytes;
  }
  return ids;
}

}  // namespace capstan::sim
