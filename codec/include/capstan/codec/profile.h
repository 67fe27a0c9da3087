// The maps in which an agent describes itself. The hub stores them as they came, and looks into
// them in these ways alone. PROTOCOL.md §6.16.
#pragma once

#include <string_view>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"

namespace capstan {

/// One whole msgpack map of text keys within the limits of a control frame; or nothing at all.
/// Errors: kInvalidArgument.
[[nodiscard]] Status check_document(Bytes document);

/// The passport without the secret that `auth` may carry under `claim`.
/// Errors: kInvalidArgument, as check_document().
[[nodiscard]] Result<ByteBuffer> without_claim(Bytes passport);

/// Whether `capability` stands in the résumé's list `claimed_capabilities`.
[[nodiscard]] bool claims_capability(Bytes resume, std::string_view capability);

}  // namespace capstan
