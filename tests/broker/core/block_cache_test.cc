#include "block_cache.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

SharedBlock block(std::uint64_t base, std::size_t bytes) {
  auto made = std::make_shared<Block>();
  made->base = Sequence{base};
  made->records.resize(bytes);
  return made;
}

TEST(BlockCache, DropsTheOldestWhenItsBytesAreSpent) {
  BlockCache cache(1000);
  for (std::uint64_t base = 1; base <= 10; ++base) cache.add(block(base, 400));
  for (std::uint64_t base = 1; base <= 8; ++base) {
    EXPECT_EQ(cache.find(Sequence{base}), nullptr) << base;
  }
  EXPECT_NE(cache.find(Sequence{9}), nullptr);
  EXPECT_NE(cache.find(Sequence{10}), nullptr);
}

TEST(BlockCache, KeepsTheNewestHoweverLargeItIs) {
  BlockCache cache(1000);
  cache.add(block(1, 400));
  cache.add(block(2, 5000));
  EXPECT_EQ(cache.find(Sequence{1}), nullptr);
  EXPECT_NE(cache.find(Sequence{2}), nullptr);
  cache.add(block(3, 10));
  EXPECT_EQ(cache.find(Sequence{2}), nullptr);
  EXPECT_NE(cache.find(Sequence{3}), nullptr);
}

TEST(BlockCache, FindsByTheBaseAlone) {
  BlockCache cache(1000);
  const SharedBlock made = block(5, 10);
  cache.add(made);
  EXPECT_EQ(cache.find(Sequence{5}), made);
  EXPECT_EQ(cache.find(Sequence{6}), nullptr);
}

TEST(BlockCache, WhoHoldsABlockKeepsItWhenTheCacheDropsIt) {
  BlockCache cache(100);
  cache.add(block(1, 80));
  const SharedBlock held = cache.find(Sequence{1});
  cache.add(block(2, 80));
  EXPECT_EQ(cache.find(Sequence{1}), nullptr);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->records.size(), 80U);
}

}  // namespace
}  // namespace capstan
