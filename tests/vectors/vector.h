// One golden vector through our own codec: bytes → fields → bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"

namespace capstan {

/// Keeps the order in which fields stand on the wire.
using Json = nlohmann::ordered_json;

/// What our codec makes of the bytes of a vector.
struct Decoded {
  Json fields;
  ByteBuffer encoded;  ///< The decoded value, encoded again.
};

/// Shape:  `kind` is "body" (any number of frames), "frame" (a body part with one), "envelope",
///         "params" or "record" (one, with its header).
/// Errors: the codec's own; kDamaged for a record, whose decoders name no code.
[[nodiscard]] Result<Decoded> decode_vector(std::string_view kind, Bytes bytes);

}  // namespace capstan
