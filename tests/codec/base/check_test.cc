#include "capstan/base/check.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

// Goal: a failed check ends the process and names the place and the condition, in every preset
// (release defines NDEBUG).
TEST(CheckDeathTest, FailedCheckEndsTheProcessAndNamesTheCondition) {
  EXPECT_DEATH(CAPSTAN_CHECK(1 + 1 == 3),
               "capstan: check failed at .*check_test\\.cc:[0-9]+: 1 \\+ 1 == 3");
}

TEST(Check, HeldCheckEvaluatesItsConditionOnce) {
  int evaluated = 0;
  CAPSTAN_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(Check, CheckIsOneStatement) {
  bool other_branch = false;
  if (false)
    CAPSTAN_CHECK(false);
  else
    other_branch = true;
  EXPECT_TRUE(other_branch);
}

}  // namespace
}  // namespace capstan
