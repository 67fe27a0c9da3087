// A queue that keeps its memory while it is in use.
#include "delivery_queue.h"

#include <gtest/gtest.h>

#include <deque>

namespace capstan {
namespace {

TEST(DeliveryQueue, IsInTheOrderOfPushingThroughEveryGap) {
  DeliveryQueue<int> queue;
  std::deque<int> expected;
  for (int i = 0; i < 10'000; ++i) {
    queue.push_back(i);
    expected.push_back(i);
    // Falls behind at first and catches up: the gap in front grows, and is closed, at every size.
    for (int taken = 0; taken < (i < 5'000 ? i % 2 : 2) && !expected.empty(); ++taken) {
      ASSERT_EQ(queue.front(), expected.front());
      queue.pop_front();
      expected.pop_front();
    }
    ASSERT_EQ(queue.size(), expected.size());
    if (!expected.empty()) {
      ASSERT_EQ(queue[expected.size() - 1], expected.back());
    }
  }
  EXPECT_TRUE(queue.empty());
}

TEST(DeliveryQueue, IteratorsSpanWhatStandsInIt) {
  DeliveryQueue<int> queue;
  for (int i = 0; i < 200; ++i) queue.push_back(i);
  for (int i = 0; i < 150; ++i) queue.pop_front();
  EXPECT_EQ(queue.end() - queue.begin(), 50);
  EXPECT_EQ(*queue.begin(), 150);
  EXPECT_EQ(*(queue.end() - 1), 199);
}

}  // namespace
}  // namespace capstan
