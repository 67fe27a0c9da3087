// A copy of a data directory for tools: opening a journal changes its files, and the original must
// stay as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "capstan/base/result.h"

namespace capstan {

/// Lives in a new folder that only its owner can read, and is removed with the object.
class OfflineCopy {
 public:
  /// Copies all that a start reads; while it does so, no hub can start on the original.
  ///
  /// Shape:  `data` is the directory of JournalOptions; the copy lies below `scratch`, which needs
  ///         room for it and for twice the largest segment (a damaged one is worked on there).
  /// Errors: kLocked: a hub holds the original; the text has its process id. kNotFound: there is no
  ///         journal in `data`. kUnavailable: too little room; the text has both numbers. kIo.
  [[nodiscard]] static Result<std::unique_ptr<OfflineCopy>> make(const std::string& data,
                                                                 const std::string& scratch);
  ~OfflineCopy();
  OfflineCopy(const OfflineCopy&) = delete;
  OfflineCopy& operator=(const OfflineCopy&) = delete;

  /// Where the copy lies.
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  explicit OfflineCopy(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
};

}  // namespace capstan
