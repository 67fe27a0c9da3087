// Disk space held back, so that a full disk still has room to recover and to drop segments.
#pragma once

#include <cstdint>
#include <string>

#include "capstan/base/result.h"

namespace capstan {

/// A real file of zeros whose blocks are allocated. Thread: one at a time.
class Ballast {
 public:
  Ballast(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  /// Creates the file when the disk has room for it and as much again; gives an existing one up
  /// when the disk has less free space than the file is large.
  ///
  /// Errors: kIo.
  [[nodiscard]] Status settle();

  /// Removes the file. Errors: kIo.
  [[nodiscard]] Status release();

  [[nodiscard]] bool held() const { return held_; }

 private:
  [[nodiscard]] Status create();

  std::string path_;
  std::uint64_t bytes_;
  bool held_ = false;
};

}  // namespace capstan
