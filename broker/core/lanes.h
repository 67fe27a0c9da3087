// Mail by priority: each lane of a mailbox is gone through in the order of positions, the most
// urgent lane first. PROTOCOL.md §6.6.
#pragma once

#include <optional>
#include <utility>

#include "core.h"

namespace capstan {

/// The run that holds the lane's next position or, when that was settled, the first above it.
[[nodiscard]] MailRuns::Iterator first_run(const Session& session, std::size_t lane);

/// The next durable run of the most urgent lane that has one.
struct NextRun {
  std::size_t lane = 0;
  std::optional<MailRun> run;
};
[[nodiscard]] NextRun next_run(const Core& core, const Session& session);

/// Behind a run that is settled: the first position where something may wait. One envelope that is
/// held for long keeps millions of settled ones in the index, and nobody goes through all of them.
[[nodiscard]] Position behind_settled(const Mailbox& mailbox, const MailRun& run);

/// The run that holds `position`, if there is one.
[[nodiscard]] std::optional<MailRun> find_run(const Inbox& inbox, Priority priority,
                                              Position position);

/// The next envelope of the lane in the block that its scan stands in, up to `run_last`; the lane
/// is past it then.
[[nodiscard]] std::optional<std::pair<Sequence, EnvelopeRecord>> next_in_block(Session& session,
                                                                               std::size_t lane,
                                                                               Position run_last);

/// The envelope at `position` of the agent's mailbox, which the index places in this block.
[[nodiscard]] std::optional<EnvelopeRecord> find_in_block(const Block& block, AgentId agent,
                                                          Position position);

}  // namespace capstan
