#include "segment.h"

#include "journal_world.h"

namespace capstan {
namespace {

class SegmentTest : public testing::Test {
 protected:
  SegmentTest() : cache_(leveldb::NewLRUCache(1 << 16)) {}

  void create() {
    auto made = Segment::create(context_, "/1");
    ASSERT_TRUE(made.ok()) << made.error().text();
    segment_ = std::move(*made);
  }
  void append(std::uint64_t number, std::uint64_t base) {
    Commit commit;
    commit.number = CommitNumber{number};
    commit.blocks = {journal_test::make_block(base), journal_test::make_block(base + 10)};
    leveldb::WriteBatch batch;
    static_cast<void>(CommitEncoder().encode(commit, 0, batch));
    ASSERT_TRUE(segment_->append(batch).ok());
  }
  [[nodiscard]] std::vector<std::uint64_t> keys() const {
    std::vector<std::uint64_t> keys;
    SegmentReader reader = segment_->reader();
    for (reader.seek(Sequence{1}); reader.valid(); reader.next()) {
      EXPECT_TRUE(reader.entry().ok());
      keys.push_back(reader.key().value);
    }
    return keys;
  }

  MemoryEnv disk_;
  JournalEnv env_{disk_, Background::kInline};
  std::unique_ptr<leveldb::Cache> cache_;
  SilentLogger log_;
  DatabaseContext context_{env_, *cache_, log_, 1 << 20};
  std::unique_ptr<Segment> segment_;
};

// Goal: a log that ends anywhere yields whole commits only.
// Method: cut the log after every byte, open, compare with the commits that fit.
TEST_F(SegmentTest, CutAtEveryByteKeepsExactlyTheWholeCommits) {
  create();
  std::vector<std::size_t> ends{0};
  std::string log;
  for (const std::string& path : disk_.files()) {
    if (path.ends_with(".log")) log = path;
  }
  for (std::uint64_t n = 0; n < 3; ++n) {
    append(n + 1, n * 20 + 1);
    ends.push_back(disk_.content(log).size());
  }
  const std::string whole = disk_.content(log);
  std::map<std::string, std::string> pristine;
  segment_.reset();
  for (const std::string& path : disk_.files()) pristine[path] = disk_.content(path);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    for (const std::string& path : disk_.files()) ASSERT_TRUE(disk_.RemoveFile(path).ok());
    for (const auto& [path, content] : pristine) {
      ASSERT_TRUE(
          leveldb::WriteStringToFile(&disk_, path == log ? whole.substr(0, cut) : content, path)
              .ok());
    }
    auto opened = Segment::open(context_, "/1");
    ASSERT_TRUE(opened.ok()) << cut << " " << opened.error().text();
    segment_ = std::move(*opened);
    std::size_t commits = 0;
    while (commits < 3 && ends[commits + 1] <= cut) ++commits;
    EXPECT_EQ(keys().size(), commits * 2) << cut;
    segment_.reset();
  }
}

TEST_F(SegmentTest, ABlockUnderAForeignKeyIsDamage) {
  create();
  std::string value;
  BlockHeader header;
  header.base = header.commit_last = Sequence{5};
  header.commit_blocks = header.record_count = 1;
  static_cast<void>(encode_block(header, as_bytes("records"), value));
  leveldb::WriteBatch batch;
  const SequenceKey key(Sequence{6});
  batch.Put({key.octets, sizeof key.octets}, value);
  ASSERT_TRUE(segment_->append(batch).ok());
  SegmentReader reader = segment_->reader();
  reader.seek(Sequence{1});
  ASSERT_TRUE(reader.valid());
  EXPECT_EQ(reader.entry().error().code, ErrorCode::kDamaged);
}

TEST_F(SegmentTest, AGapStandsInItsPlace) {
  create();
  append(1, 1);
  append(2, 41);
  ASSERT_TRUE(segment_->put_gap(journal_test::gap(21, 40)).ok());
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{1, 11, 21, 41, 51}));
  SegmentReader reader = segment_->reader();
  reader.seek_at_or_before(Sequence{30});
  ASSERT_TRUE(reader.valid());
  EXPECT_EQ(last_of(*reader.entry()), Sequence{40});
}

}  // namespace
}  // namespace capstan
