// A disk of which some paths fail, and only these.
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "capstan/journal/directory_sync.h"
#include "leveldb/env.h"

namespace capstan::journal_test {

/// Thread: one at a time.
class FaultyEnv final : public leveldb::EnvWrapper, public DirectorySync {
 public:
  explicit FaultyEnv(leveldb::Env& target) : EnvWrapper(&target) {}

  /// A part of the paths that fail; empty: none do.
  std::string reads;        ///< Files can be opened, but not read.
  std::string vanished;     ///< Files are listed, but not there.
  std::string directories;  ///< Cannot be created.
  std::string syncs;        ///< Of directories; the whole path.
  std::error_code sync_error = std::make_error_code(std::errc::io_error);

  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** file) override {
    if (hit(vanished, path)) return leveldb::Status::NotFound("injected fault");
    if (!hit(reads, path)) return target()->NewSequentialFile(path, file);
    *file = new UnreadableLog;
    return leveldb::Status::OK();
  }
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** file) override {
    if (!hit(reads, path)) return target()->NewRandomAccessFile(path, file);
    *file = new UnreadableTable;
    return leveldb::Status::OK();
  }
  leveldb::Status CreateDir(const std::string& path) override {
    return hit(directories, path) ? refused() : target()->CreateDir(path);
  }
  std::error_code sync_directory(const std::string& path) override {
    if (path == syncs) return sync_error;
    auto* const names = dynamic_cast<DirectorySync*>(target());
    return names == nullptr ? std::error_code() : names->sync_directory(path);
  }

 private:
  class UnreadableLog final : public leveldb::SequentialFile {
   public:
    leveldb::Status Read(std::size_t, leveldb::Slice*, char*) override { return refused(); }
    leveldb::Status Skip(std::uint64_t) override { return refused(); }
  };
  class UnreadableTable final : public leveldb::RandomAccessFile {
   public:
    leveldb::Status Read(std::uint64_t, std::size_t, leveldb::Slice*, char*) const override {
      return refused();
    }
  };

  static leveldb::Status refused() { return leveldb::Status::IOError("injected fault"); }
  static bool hit(const std::string& part, const std::string& path) {
    return !part.empty() && path.find(part) != std::string::npos;
  }
};

}  // namespace capstan::journal_test
