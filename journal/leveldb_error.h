// LevelDB's status in the words of our catalogue.
#pragma once

#include <string>

#include "capstan/base/result.h"
#include "leveldb/status.h"

namespace capstan {

/// `status` is not ok; `what` names the file or directory. A database without its CURRENT file is
/// an invalid argument to LevelDB; to us it is damage.
[[nodiscard]] inline Error leveldb_error(const leveldb::Status& status, const std::string& what) {
  const bool damaged = status.IsCorruption() || status.IsInvalidArgument() || status.IsNotFound();
  const ErrorCode code = damaged ? ErrorCode::kDamaged : ErrorCode::kIo;
  return {code, what + ": " + status.ToString()};
}

[[nodiscard]] inline Status checked(const leveldb::Status& status, const std::string& what) {
  if (status.ok()) return {};
  return leveldb_error(status, what);
}

}  // namespace capstan
