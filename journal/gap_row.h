// A known loss, written where the lost blocks were, so that it is found and reported only once as
// new damage and is named exactly by every later read.
#pragma once

#include <string>

#include "capstan/base/block.h"
#include "capstan/base/result.h"

namespace capstan {

/// True when a segment's value claims to be a gap row, not a block.
[[nodiscard]] bool is_gap_row(Bytes value);

/// Source: FORMAT.md §8.
[[nodiscard]] std::string encode_gap_row(Gap gap);

/// Errors: kDamaged; kUnsupportedVersion.
[[nodiscard]] Result<Gap> decode_gap_row(Bytes value);

[[nodiscard]] std::string gap_text(Gap gap);

}  // namespace capstan
