// What a folder takes of the disk, and the kernel's memory of it.
#pragma once

#include <cstdint>
#include <string>

#include "capstan/base/result.h"

namespace capstan::bench {

/// Bytes allocated for all files under `folder`. A file that goes meanwhile counts or not.
/// Errors: kIo.
[[nodiscard]] Result<std::uint64_t> disk_bytes(const std::string& folder);

/// Makes `folder` where it is missing. Errors: kIo; kDiskFull: less is free there.
[[nodiscard]] Status check_free_disk(const std::string& folder, std::uint64_t needed_bytes);

/// Writes all dirty pages and forgets the whole page cache, so that the next read comes from the
/// disk. Errors: kAccessDenied: for root alone, and not in every container.
/// Source: drop_caches in proc(5).
[[nodiscard]] Status drop_page_cache();

}  // namespace capstan::bench
