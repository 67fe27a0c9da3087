#include "capstan/security/withdrawal.h"

#include <gtest/gtest.h>

#include "capstan/security/file.h"
#include "capstan/security/random.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

using Names = std::vector<std::string>;

/// An agents/ folder.
struct WithdrawName : testing::Test {
  WithdrawName() { EXPECT_TRUE(init_security().ok()); }

  Admission admit(const std::string& name, Names names, Role role = Role::kAgent) {
    Admission admission{name, generate_key_pair().public_key, std::move(names), role};
    EXPECT_TRUE(write_admission(folder.path(), admission).ok());
    return admission;
  }
  Result<Withdrawal> withdraw(const std::string& name,
                              EarlierNote earlier = EarlierNote::kReplace) {
    return withdraw_name(folder.path(), name, earlier);
  }
  std::vector<Admission> admitted() { return load_admissions(folder.path()).value(); }
  std::vector<Admission> noted() { return load_retired(folder.path()).value(); }

  const TemporaryFolder folder;
};

TEST_F(WithdrawName, RefusesWhatIsNoName) {
  EXPECT_EQ(withdraw("../bob").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(WithdrawName, RefusesAnOperatorsNameAndChangesNothing) {
  const Admission boss = admit("operator", {"operator"}, Role::kAdmin);
  EXPECT_EQ(withdraw("operator").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(admitted(), std::vector<Admission>{boss});
}

TEST_F(WithdrawName, ABadFileStopsItBeforeAnythingIsChanged) {
  admit("bob", {"bob"});
  put_file(folder / "carol", "this is no admission", 0644);
  EXPECT_EQ(withdraw("bob").error().code, ErrorCode::kBadConfig);
  EXPECT_TRUE(std::filesystem::exists(folder / "bob"));
}

TEST_F(WithdrawName, OfANameThatNobodyHasItSaysNothing) {
  const Admission carol = admit("carol", {"carol"});
  const auto done = withdraw("bob");
  ASSERT_TRUE(done.ok());
  EXPECT_TRUE(done->withdrawn.empty() && done->narrowed.empty() && done->covering.empty());
  EXPECT_EQ(admitted(), std::vector<Admission>{carol});
  EXPECT_TRUE(noted().empty());
}

TEST_F(WithdrawName, AKeyWithoutAnotherNameGoesAndLeavesANote) {
  const Admission bob = admit("bob", {"bob"});
  const Admission carol = admit("carol", {"carol"});
  const auto done = withdraw("bob");
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->key, bob.key);
  EXPECT_EQ(done->withdrawn, Names{"bob"});
  EXPECT_TRUE(done->narrowed.empty());
  EXPECT_EQ(admitted(), std::vector<Admission>{carol});
  EXPECT_EQ(noted(), std::vector<Admission>{bob});
}

TEST_F(WithdrawName, AKeyOfAnotherFileGoesUnderTheAgentsNote) {
  const Admission node = admit("node", {"bob"});
  const auto done = withdraw("bob");
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->withdrawn, Names{"node"});
  EXPECT_TRUE(admitted().empty());
  ASSERT_EQ(noted().size(), 1U);
  EXPECT_EQ(noted()[0].name, "bob");
  EXPECT_EQ(noted()[0].key, node.key);
}

TEST_F(WithdrawName, AKeyWithOtherNamesKeepsThemAndItsGlobsAreTold) {
  Admission node = admit("node", {"bob", "erin", "b*"});
  const auto done = withdraw("bob");
  ASSERT_TRUE(done.ok());
  EXPECT_TRUE(done->withdrawn.empty());
  EXPECT_EQ(done->narrowed, Names{"node"});
  EXPECT_EQ(done->covering, Names{"node"});
  node.names = {"erin", "b*"};
  EXPECT_EQ(admitted(), std::vector<Admission>{node});
  ASSERT_EQ(noted().size(), 1U);
  EXPECT_EQ(noted()[0].name, "bob");
  EXPECT_EQ(noted()[0].key, node.key);
}

TEST_F(WithdrawName, AnEarlierNoteIsKeptForTheStartThatKnowsItsAgent) {
  const Admission first = admit("bob", {"bob"});
  ASSERT_TRUE(withdraw("bob", EarlierNote::kKeep).ok());
  admit("bob", {"bob"});
  ASSERT_TRUE(withdraw("bob", EarlierNote::kKeep).ok());
  EXPECT_TRUE(admitted().empty());
  EXPECT_EQ(noted(), std::vector<Admission>{first});
}

TEST_F(WithdrawName, ARunningHubReplacesANoteThatWasLeft) {
  admit("bob", {"bob"});
  ASSERT_TRUE(withdraw("bob").ok());
  const Admission second = admit("bob", {"bob"});
  ASSERT_TRUE(withdraw("bob").ok());
  EXPECT_EQ(noted(), std::vector<Admission>{second});
}

}  // namespace
}  // namespace capstan
