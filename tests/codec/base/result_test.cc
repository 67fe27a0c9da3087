#include "capstan/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace capstan {
namespace {

Result<int> refused() { return {ErrorCode::kNotFound, "agent 'bob'"}; }

TEST(ResultDeathTest, TheValueOfARefusalIsAProgrammerError) {
  EXPECT_DEATH((void)refused().value(), "check failed");
  EXPECT_DEATH((void)*refused(), "check failed");
}

TEST(ResultDeathTest, TheErrorOfASuccessIsAProgrammerError) {
  EXPECT_DEATH((void)Result<int>(1).error(), "check failed");
  EXPECT_DEATH((void)Status().error(), "check failed");
}

TEST(Result, ARefusalHasItsCodeAndContext) {
  const Result<int> result = refused();
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(result.error().context, "agent 'bob'");
}

TEST(Result, AnErrorPassesOnUnchanged) {
  const Result<int> cause = refused();
  const Result<std::string> effect = cause.error();
  const Status status = cause.error();
  EXPECT_EQ(effect.error().text(), "not_found: agent 'bob'");
  EXPECT_EQ(status.error().text(), "not_found: agent 'bob'");
}

TEST(Result, ASuccessHasItsValue) {
  Result<std::string> result = std::string("bob");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value(), "bob");
  EXPECT_EQ(*result, "bob");
  EXPECT_EQ(result->size(), 3U);
  result.value() += "by";
  EXPECT_EQ(*result, "bobby");
}

TEST(Result, AValueThatOnlyMovesMovesOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

TEST(Result, AResultOfAnErrorTypeIsStillUnambiguous) {
  const Result<ErrorCode> result = ErrorCode::kIo;
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(*result, ErrorCode::kIo);
}

TEST(Status, IsOkUntilGivenAnError) {
  EXPECT_TRUE(Status().ok());
  const Status status(ErrorCode::kIo, "segment 3");
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(static_cast<bool>(status));
  EXPECT_EQ(status.error().text(), "io: segment 3");
}

}  // namespace
}  // namespace capstan
