// Makes a hub's folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "capstan/base/result.h"

namespace capstan {

/// Fills a missing or empty folder with keys, an operator, a commented capstan.toml and room for
/// the journal. capstan.toml is written last: a folder that has it is whole.
///
/// Shape:   `listen` as in [listen] endpoint; with port 0 a free one is picked and written down.
/// Returns: the endpoint that was written.
/// Errors:  kAlreadyExists: the folder is a hub's, or has anything else in it; kInvalidArgument:
///          the endpoint; kUnavailable: no free port; kIo.
/// Source:  THREATS.md §4.4.
[[nodiscard]] Result<std::string> init_directory(const std::filesystem::path& directory,
                                                 std::string_view listen);

}  // namespace capstan
