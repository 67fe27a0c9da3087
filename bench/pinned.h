// How much disk a few old envelopes hold while much mail passes by.
#pragma once

#include "capstan/base/result.h"
#include "scale.h"

namespace capstan::bench {

/// One row: each of `options.crowd` absent agents has one old envelope; then one sender and one
/// receiver exchange `options.pinned_gib` GiB of payload, all acknowledged. The journal's folder is
/// measured when it has not changed for two checkpoints.
Status measure_pinned(const ScaleOptions& options, const AddRow& add_row);

}  // namespace capstan::bench
