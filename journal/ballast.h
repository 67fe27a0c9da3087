// Disk space held back, so that a full disk still has room to recover and to drop segments.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "capstan/base/result.h"

namespace capstan {

/// A real file of zeros whose blocks are allocated. Thread: one at a time; held() is free.
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

  /// Of the file system that the file lies on, for whom we run as. Errors: kIo.
  [[nodiscard]] Result<std::uint64_t> disk_free_bytes() const;

 private:
  [[nodiscard]] Status create();

  std::string path_;
  std::uint64_t bytes_;
  std::atomic<bool> held_ = false;
};

}  // namespace capstan
