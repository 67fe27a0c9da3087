// What the hub core asks of a journal beside commits, and what a journal answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/base/error.h"

namespace capstan {

/// One row of the state; opaque to the journal.
struct StateRow {
  std::string key;
  std::string value;
};

/// Takes rows of the state one by one.
using RowSink = std::function<void(const StateRow&)>;

/// Changed rows of the state as of `applied`: written as a whole or not at all.
struct Checkpoint {
  Sequence applied;
  std::vector<StateRow> puts;
  std::vector<std::string> deletes;
};

/// Names one read until its answer.
using ReadId = Number<struct ReadIdTag>;

/// It survives the end of the process, and not yet a power cut.
struct Written {
  CommitNumber number;  ///< And all before it.
};

struct Committed {
  CommitNumber number;  ///< And all before it.
};

/// The outcome of this commit is not known; only recovery can tell.
struct CommitUnknown {
  CommitNumber number;
  Error error;
};

struct ReadDone {
  ReadId id;
  std::vector<SharedBlock> blocks;
  std::optional<Error> error;
  /// With kDamaged: all that is lost around the block; with kNotFound: all that is not there. Where
  /// known.
  std::optional<Gap> lost{};
};

struct CheckpointDone {
  Sequence applied;
  std::optional<Error> error;
};

/// Thinned blocks of a segment on their way to cold/.
struct ColdPart {
  Sequence segment;                 ///< Its first sequence.
  bool begins = false;              ///< The first part: what an earlier attempt has left goes.
  std::vector<SharedBlock> blocks;  ///< Ascending over all parts.
};

struct ColdPartStored {
  Sequence segment;
  std::optional<Error> error;
};

struct SegmentDropped {
  Sequence first;
  std::optional<Error> error;
  bool kept_cold = false;  ///< A copy has taken its place.
};

}  // namespace capstan
