// What is found out about segments that are not written to any more, and what is done about them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "connection.h"
#include "needed.h"

namespace capstan {

/// What of a segment is needed.
struct NeededOfSegment {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

/// How much of the disk one agent holds.
struct Pin {
  AgentId agent;
  bool dead_letters = false;    ///< By these, not by waiting mail.
  Sequence oldest;              ///< Base of the oldest block that it needs.
  std::set<Sequence> segments;  ///< That would be dropped, or be copied, without it.
};

/// Looks for what is needed in segments that may be dropped, over several turns.
struct Census {
  NeededWalk walk;
  Sequence end;            ///< Of the last of them.
  Sequence retained_from;  ///< From this one on all are within the retention.
  std::map<Sequence, NeededOfSegment> segments;
  Pin pin;                ///< Of the agent at hand.
  std::vector<Pin> pins;  ///< The largest so far.
};

/// Segments that would be dropped, or be copied, were it not for the retention.
struct RetainedSegments {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;     ///< Of the mail that was stored in them.
  std::uint64_t until_ns = 0;  ///< Wall clock: then the first of them is too old; 0: never.
};

/// What is needed in one segment on its way to cold/.
struct ColdCopy {
  Sequence segment;
  Sequence end;  ///< Where the next one begins.
  NeededWalk walk;
  bool gathered = false;
  std::vector<Sequence> bases;  ///< Of its blocks with something needed; ascending once gathered.
  std::size_t next = 0;         ///< All before it have been read.
  std::size_t blocks_per_read = kBlocksPerReadMax;
  bool reading = false;
  bool storing = false;
  bool begun = false;  ///< A part of it is stored.
  std::vector<SharedBlock> thinned;
  std::uint64_t thinned_bytes = 0;
};

}  // namespace capstan
