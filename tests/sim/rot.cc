#include "rot.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include "capstan/base/check.h"
#include "capstan/base/cursor.h"
#include "leveldb/iterator.h"
#include "leveldb/options.h"
#include "leveldb/table.h"

namespace capstan::sim {

namespace {

constexpr std::size_t kBeginBytes = 96;

/// Bases of the entries that LevelDB can read in a table; none in one that a power cut left undone.
std::set<Sequence> readable(MemoryEnv& env, const std::string& path) {
  leveldb::RandomAccessFile* opened = nullptr;
  CAPSTAN_CHECK(env.NewRandomAccessFile(path, &opened).ok());
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  leveldb::Table* table = nullptr;
  const leveldb::Options options;
  const std::uint64_t bytes = env.content(path).size();
  if (!leveldb::Table::Open(options, file.get(), bytes, &table).ok()) return {};
  const std::unique_ptr<leveldb::Table> owned(table);
  leveldb::ReadOptions checked;
  checked.verify_checksums = true;
  checked.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> entries(table->NewIterator(checked));
  std::set<Sequence> bases;
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    Cursor key(as_bytes({entries->key().data(), entries->key().size()}));
    bases.insert(Sequence{key.u64_be()});
  }
  return bases;
}

}  // namespace

void Rot::remember(const Block& block) {
  const bool findable = block.records.size() >= kBeginBytes;
  const Bytes begin = Bytes(block.records).first(findable ? kBeginBytes : 0);
  blocks_[block.base] = {block.last(), std::string(as_text(begin))};
}

/// Where the block stands: once, or in a log and in the table made from it.
std::vector<Rot::Spot> Rot::find(const MemoryEnv& env, Random& random,
                                 const std::string& begin) const {
  std::vector<Spot> spots;
  std::string segment;
  for (const std::string& path : env.files()) {
    // What is set aside was damaged before.
    if (path.find("/journal/") == std::string::npos || path.find(".quarantined") < path.size()) {
      continue;
    }
    const std::string content = env.content(path);
    const std::size_t offset = content.find(begin);
    if (offset == std::string::npos) continue;
    const std::string directory = path.substr(0, path.rfind('/'));
    const bool another = !segment.empty() && directory != segment;
    // Two blocks that begin alike cannot be told apart, and a replacement half done is a copy.
    if (another || content.find(begin, offset + 1) != std::string::npos) return {};
    segment = directory;
    spots.push_back(
        {path, offset + random.below(kBeginBytes), static_cast<unsigned>(random.below(8))});
  }
  return spots;
}

bool Rot::may_be_lost(const std::vector<Sequence>& bases) const {
  return std::all_of(bases.begin(), bases.end(), [this](const Sequence& base) {
    const auto at = blocks_.find(base);
    // What is not known any more was lost before: its place is taken by the row of a known loss.
    return at == blocks_.end() || at->second.last <= applied_;
  });
}

std::vector<Gap> Rot::damage(MemoryEnv& env, Random& random, Sequence sequence) {
  const auto after = blocks_.upper_bound(sequence);
  if (after == blocks_.begin()) return {};
  const auto& [victim, known] = *std::prev(after);
  if (sequence > known.last || known.last > applied_ || known.begin.empty()) return {};
  const std::vector<Spot> spots = find(env, random, known.begin);
  if (spots.empty()) return {};
  std::vector<Sequence> bases{victim};
  for (const Spot& spot : spots) {
    const bool table = spot.path.ends_with(".ldb");
    const std::set<Sequence> before = table ? readable(env, spot.path) : std::set<Sequence>();
    env.flip_bit(spot.path, spot.offset, spot.bit);
    const std::set<Sequence> rest = table ? readable(env, spot.path) : std::set<Sequence>();
    std::set_difference(before.begin(), before.end(), rest.begin(), rest.end(),
                        std::back_inserter(bases));
  }
  if (!may_be_lost(bases)) {
    for (const Spot& spot : spots) env.flip_bit(spot.path, spot.offset, spot.bit);
    return {};
  }
  std::vector<Gap> lost;
  for (const Sequence& base : bases) {
    const auto at = blocks_.find(base);
    if (at == blocks_.end()) continue;
    lost.push_back({at->first, at->second.last});
    blocks_.erase(at);
  }
  return lost;
}

}  // namespace capstan::sim
