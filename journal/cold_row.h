// Which range of sequences a part of cold/ stands for, and the thinned blocks that are kept of it.
#pragma once

#include <string>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/base/result.h"

namespace capstan {

/// A range that is in no segment any more. What `blocks` does not name was dropped.
struct ColdRow {
  Sequence first;
  Sequence last;
  std::vector<Gap> blocks;  ///< First and last sequence of each; ascending.
};

/// The row's key. Rows sort behind all blocks, whose keys have eight octets.
[[nodiscard]] std::string cold_row_key(Sequence first);

/// True when a value of cold/ claims to be a row, not a block.
[[nodiscard]] bool is_cold_row(Bytes value);

/// Source: FORMAT.md §10.
[[nodiscard]] std::string encode_cold_row(const ColdRow& row);

/// Errors: kDamaged; kUnsupportedVersion.
[[nodiscard]] Result<ColdRow> decode_cold_row(Bytes value);

}  // namespace capstan
