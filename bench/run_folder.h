// A fresh folder that is gone when its owner is.
#pragma once

#include <memory>
#include <string>

#include "capstan/base/result.h"

namespace capstan::bench {

class RunFolder {
 public:
  /// Makes `parent` where it is missing, and in it a folder that nobody else has.
  static Result<std::unique_ptr<RunFolder>> make(const std::string& parent);
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace capstan::bench
