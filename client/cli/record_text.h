// Records of the journal for people and scripts.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "capstan/codec/record.h"

namespace capstan::cli {

/// Sequence, type and fields, in the order of FORMAT.md §4; of payloads the sizes, and what they
/// hold only with `payload`. Empty when the record does not have its type's shape.
[[nodiscard]] std::optional<nlohmann::ordered_json> describe_record(const RecordView& record,
                                                                    bool payload);

/// "51 envelope position=3 bytes=120 …" of what describe_record() made.
[[nodiscard]] std::string record_line(const nlohmann::ordered_json& record);

}  // namespace capstan::cli
