#include "run_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace capstan::bench {

Result<std::unique_ptr<RunFolder>> RunFolder::make(const std::string& parent) {
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return Error{ErrorCode::kIo, "make " + parent + ": " + error.message()};
  std::string path = parent + "/capstan-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    return Error{ErrorCode::kIo, "make " + path + ": " + std::strerror(errno)};
  return std::unique_ptr<RunFolder>(new RunFolder(std::move(path)));
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace capstan::bench
