#include "segment.h"

#include <utility>

#include "files.h"
#include "gap_row.h"
#include "leveldb_error.h"

namespace capstan {

namespace {

// Few, large table files: a segment is written once and dropped whole.
constexpr std::size_t kTableBytesMax = std::size_t{32} << 20;

// LevelDB's checksum covers all entries that share one of its blocks: damage to one costs the
// others. From this size on, LevelDB's least, an entry shares with none; each costs some forty
// octets of index.
constexpr std::size_t kSharedEntriesBytes = 1024;

Bytes bytes_of(const leveldb::Slice& slice) { return as_bytes({slice.data(), slice.size()}); }

Result<std::unique_ptr<leveldb::DB>> open_database(const leveldb::Options& options,
                                                   const std::string& path) {
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, path, &opened);
  if (!status.ok()) return leveldb_error(status, path);
  return std::unique_ptr<leveldb::DB>(opened);
}

}  // namespace

leveldb::Options DatabaseContext::options() const {
  leveldb::Options options;
  options.env = &env;
  options.info_log = &log;
  options.block_cache = &cache;
  options.paranoid_checks = paranoid;
  options.compression = leveldb::kNoCompression;
  options.write_buffer_size = write_buffer_bytes;
  options.max_file_size = kTableBytesMax;
  options.block_size = kSharedEntriesBytes;
  return options;
}

void SegmentReader::seek(Sequence base) {
  const SequenceKey key(base);
  entries_->Seek({key.octets, sizeof key.octets});
}

void SegmentReader::seek_at_or_before(Sequence sequence) {
  seek(sequence);
  if (!entries_->Valid()) return entries_->SeekToLast();
  if (key() != sequence) entries_->Prev();
}

Sequence SegmentReader::key() const { return sequence_of_key(bytes_of(entries_->key())); }

Bytes SegmentReader::value() const { return bytes_of(entries_->value()); }

Result<SegmentEntry> SegmentReader::entry() const {
  const Error misplaced{ErrorCode::kDamaged, "an entry stands under a foreign key"};
  if (is_gap_row(value())) {
    const Result<Gap> gap = decode_gap_row(value());
    if (!gap) return gap.error();
    if (gap->first != key()) return misplaced;
    return SegmentEntry{*gap};
  }
  const Result<StoredBlock> block = decode_block(value());
  if (!block) return block.error();
  if (block->header.base != key()) return misplaced;
  return SegmentEntry{*block};
}

Status SegmentReader::status() const { return checked(entries_->status(), "segment"); }

Segment::Segment(JournalEnv& env, std::unique_ptr<leveldb::DB> database, std::string path)
    : env_(env), database_(std::move(database)), path_(std::move(path)) {}

// LevelDB waits in its destructor for background work that only run_background() would do.
Segment::~Segment() { env_.run_background(); }

Result<std::unique_ptr<Segment>> Segment::create(const DatabaseContext& context,
                                                 const std::string& path) {
  // LevelDB does not look whether it could make the directory: what follows would look like damage.
  if (Status made = make_directory(context.env, path); !made) return made.error();
  leveldb::Options options = context.options();
  options.create_if_missing = true;
  options.error_if_exists = true;
  auto database = open_database(options, path);
  if (!database) return database.error();
  return std::unique_ptr<Segment>(new Segment(context.env, std::move(*database), path));
}

Result<std::unique_ptr<Segment>> Segment::open(const DatabaseContext& context,
                                               const std::string& path) {
  // LevelDB would make an empty directory of it, and say that it is damaged.
  if (!context.env.FileExists(path)) return {ErrorCode::kIo, path + " is missing"};
  auto database = open_database(context.options(), path);
  if (!database) return database.error();
  context.env.run_background();
  return std::unique_ptr<Segment>(new Segment(context.env, std::move(*database), path));
}

Status Segment::append(leveldb::WriteBatch& batch, std::function<void()> handed_over) {
  leveldb::WriteOptions options;
  options.sync = true;
  if (handed_over) env_.announce_sync(path_, std::move(handed_over));
  const leveldb::Status written = database_->Write(options, &batch);
  if (!written.ok()) env_.announce_sync(path_, {});
  // After every write, so that LevelDB never meets a full buffer whose flush has not run.
  env_.run_background();
  return checked(written, path_);
}

Status Segment::put_gap(Gap gap) {
  leveldb::WriteBatch batch;
  const SequenceKey key(gap.first);
  batch.Put({key.octets, sizeof key.octets}, encode_gap_row(gap));
  return append(batch);
}

// Our own checksums cover every value, but LevelDB takes its structures around them on trust: a
// flipped bit there would end the process in one of its assertions.
SegmentReader Segment::reader() const {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  return SegmentReader(std::unique_ptr<leveldb::Iterator>(database_->NewIterator(options)));
}

Sequence last_of(const SegmentEntry& entry) {
  if (const auto* block = std::get_if<StoredBlock>(&entry)) return block->header.last();
  return std::get<Gap>(entry).last;
}

}  // namespace capstan
