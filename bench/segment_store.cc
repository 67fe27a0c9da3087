#include "segment_store.h"

#include <endian.h>
#include <leveldb/db.h>
#include <leveldb/options.h>

#include <array>
#include <utility>

namespace capstan::bench {
namespace {

constexpr std::size_t kSegmentBytes = std::size_t{256} << 20U;

leveldb::Options segment_options() {
  leveldb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.write_buffer_size = std::size_t{16} << 20U;
  options.max_file_size = std::size_t{32} << 20U;
  options.compression = leveldb::kNoCompression;
  return options;
}

leveldb::Slice as_slice(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error disk_error(const std::string& what, const leveldb::Status& status) {
  return {ErrorCode::kIo, what + ": " + status.ToString()};
}

}  // namespace

void BlockBatch::put(const BlockKey& key, Bytes block) {
  // Big-endian, so that LevelDB keeps the order of the numbers.
  std::array<std::uint64_t, 3> sorted{htobe64(key.number), htobe64(key.checksum),
                                      htobe64(key.checksum_before)};
  batch_.Put({reinterpret_cast<const char*>(sorted.data()), sizeof sorted}, as_slice(block));
  bytes_ += block.size();
}

void BlockBatch::clear() {
  batch_.Clear();
  bytes_ = 0;
}

SegmentStore::SegmentStore(std::string dir) : dir_(std::move(dir)) {}

Result<std::unique_ptr<SegmentStore>> SegmentStore::open(const std::string& dir) {
  std::unique_ptr<SegmentStore> store(new SegmentStore(dir));
  if (Status opened = store->open_next_segment(); !opened) return opened.error();
  return store;
}

SegmentStore::~SegmentStore() {
  if (dropper_.joinable()) dropper_.join();
}

Status SegmentStore::commit(BlockBatch& blocks) {
  if (segment_bytes_ >= kSegmentBytes) {
    drop_current_segment();
    if (Status opened = open_next_segment(); !opened) return opened;
  }
  leveldb::WriteOptions synced;
  synced.sync = true;
  const leveldb::Status written = db_->Write(synced, &blocks.batch());
  if (!written.ok()) return disk_error("commit", written);
  segment_bytes_ += blocks.bytes();
  ++synced_commits_;
  return {};
}

Status SegmentStore::open_next_segment() {
  leveldb::DB* db = nullptr;
  const std::string path = dir_ + "/" + std::to_string(++segment_);
  const leveldb::Status opened = leveldb::DB::Open(segment_options(), path, &db);
  if (!opened.ok()) return disk_error("open segment " + path, opened);
  db_.reset(db);
  segment_bytes_ = 0;
  return {};
}

void SegmentStore::drop_current_segment() {
  if (dropper_.joinable()) dropper_.join();
  const std::string path = dir_ + "/" + std::to_string(segment_);
  // Closing waits for LevelDB's own background work: that, too, must not stand in a commit's way.
  dropper_ = std::thread([db = std::move(db_), path]() mutable {
    db.reset();
    leveldb::DestroyDB(path, leveldb::Options());
  });
}

}  // namespace capstan::bench
