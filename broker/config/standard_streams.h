// What a program does about standard streams that it was started without.
#pragma once

#include "capstan/base/result.h"

namespace capstan {

/// Opens those of the descriptors 0 to 2 that are closed. Otherwise the next file that is opened
/// would be one of them, and the log would be written into the journal. Before any file is opened.
///
/// Shape:  reading and writing them fails, as if they were still closed.
/// Errors: kIo.
[[nodiscard]] Status open_standard_streams();

}  // namespace capstan
