#include "state_db.h"

#include "journal_world.h"

namespace capstan {
namespace {

class StateDbTest : public testing::Test {
 protected:
  StateDbTest() : cache_(leveldb::NewLRUCache(1 << 16)) {}
  [[nodiscard]] Result<std::unique_ptr<StateDb>> open() {
    return StateDb::open(context_, "/state");
  }

  MemoryEnv disk_;
  JournalEnv env_{disk_, Background::kInline};
  std::unique_ptr<leveldb::Cache> cache_;
  SilentLogger log_;
  DatabaseContext context_{env_, *cache_, log_, 1 << 16};
};

TEST_F(StateDbTest, TheMarkAndTheRowsComeBack) {
  for (std::uint64_t n = 1; n <= 50; ++n) {
    auto state = open();
    ASSERT_TRUE(state.ok()) << state.error().text();
    EXPECT_EQ((*state)->mark().checkpoint, n - 1);
    EXPECT_EQ((*state)->mark().applied, Sequence{(n - 1) * 10});
    ASSERT_TRUE((*state)
                    ->write({Sequence{n * 10}, {{"k", std::to_string(n)}}, {}}, CommitNumber{n}, n)
                    .ok());
    std::string value;
    ASSERT_TRUE((*state)
                    ->rows([&](Bytes, Bytes row) {
                      value = as_text(row);
                      return Status();
                    })
                    .ok());
    EXPECT_EQ(value, std::to_string(n));
  }
}

// Goal: a checkpoint that LevelDB loses whole, which it may do in silence, is noticed.
// Method: cut the record of the second of three checkpoints out of the log.
TEST_F(StateDbTest, AMissingCheckpointIsDamage) {
  std::vector<std::size_t> ends;
  std::string log;
  {
    auto state = open();
    ASSERT_TRUE(state.ok());
    for (const std::string& path : disk_.files()) {
      if (path.ends_with(".log")) log = path;
    }
    for (std::uint64_t n = 1; n <= 3; ++n) {
      ASSERT_TRUE(
          (*state)
              ->write({Sequence{n}, {{"k" + std::to_string(n), "v"}}, {}}, CommitNumber{n}, n)
              .ok());
      ends.push_back(disk_.content(log).size());
    }
  }
  std::string content = disk_.content(log);
  content.erase(ends[0], ends[1] - ends[0]);
  disk_.set_content(log, content);
  const auto state = open();
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code, ErrorCode::kDamaged);
}

}  // namespace
}  // namespace capstan
