#include "config/agent_files.h"

#include <gtest/gtest.h>

#include "capstan/security/key_file.h"
#include "config/init.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

class AddAgent : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(init_directory(layout_.directory, "tcp://127.0.0.1:7450").ok());
  }

  const TemporaryFolder folder_;
  const Layout layout_{folder_ / "hub"};
};

TEST_F(AddAgent, RefusesBadNamesAndGlobsAndMakesNothing) {
  const std::size_t keys = count_files(layout_.keys());
  for (const char* const name : {"", "../bob", "a/b", ".bob", "bob.removed", "b*"}) {
    EXPECT_EQ(add_agent(layout_, name, {}, {}, AdmissionFile::kWrite).error().code,
              ErrorCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(add_agent(layout_, "bob", {"x/*"}, {}, AdmissionFile::kWrite).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(count_files(layout_.keys()), keys);
}

TEST_F(AddAgent, RefusesNamesThatAreTakenAndKeepsTheirKeys) {
  ASSERT_TRUE(add_agent(layout_, "bob", {}, {}, AdmissionFile::kWrite).ok());
  const std::string key = get_file(layout_.agent_key("bob"));
  for (const char* const name : {"bob", "operator", "hub"}) {
    EXPECT_EQ(add_agent(layout_, name, {}, {}, AdmissionFile::kWrite).error().code,
              ErrorCode::kAlreadyExists)
        << name;
  }
  EXPECT_EQ(get_file(layout_.agent_key("bob")), key);

  // The admission alone is enough to be taken.
  ASSERT_TRUE(add_agent(layout_, "carol", {}, {}, AdmissionFile::kWrite).ok());
  std::filesystem::remove(layout_.agent_key("carol"));
  EXPECT_EQ(add_agent(layout_, "carol", {}, {}, AdmissionFile::kWrite).error().code,
            ErrorCode::kAlreadyExists);
}

// Goal: an attempt whose end is unknown can be repeated: the hub may know its key already.
TEST_F(AddAgent, TakesUpTheKeyOfAnAttemptThatCouldNotWriteTheAdmission) {
  std::filesystem::rename(layout_.admissions(), folder_ / "aside");
  EXPECT_FALSE(add_agent(layout_, "bob", {}, {}, AdmissionFile::kWrite).ok());
  const std::string key = get_file(layout_.agent_key("bob"));
  std::filesystem::rename(folder_ / "aside", layout_.admissions());
  const auto bob = add_agent(layout_, "bob", {}, {}, AdmissionFile::kWrite);
  ASSERT_TRUE(bob.ok()) << bob.error().text();
  EXPECT_FALSE(bob->key_is_new);
  EXPECT_EQ(get_file(layout_.agent_key("bob")), key);
  EXPECT_EQ(load_key_file(layout_.agent_key("bob"))->public_key, bob->admission.key);
}

TEST_F(AddAgent, TakesUpTheKeyThatAHubWasToldOf) {
  const auto first = add_agent(layout_, "bob", {}, {}, AdmissionFile::kLeaveToHub);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->key_is_new);
  const auto again = add_agent(layout_, "bob", {}, {}, AdmissionFile::kLeaveToHub);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->key_is_new);
  EXPECT_EQ(again->admission, first->admission);
}

TEST_F(AddAgent, TakesUpNoKeyOfAnotherName) {
  ASSERT_TRUE(add_agent(layout_, "bob", {}, {}, AdmissionFile::kWrite).ok());
  const std::string bob = get_file(layout_.agent_key("bob"));
  put_file(layout_.agent_key("carol"), bob, 0600);
  EXPECT_EQ(add_agent(layout_, "carol", {}, {}, AdmissionFile::kWrite).error().code,
            ErrorCode::kAlreadyExists);
  // Under another name the key is admitted already.
  std::string renamed = bob;
  renamed.replace(renamed.find("bob"), 3, "carol");
  put_file(layout_.agent_key("carol"), renamed, 0600);
  EXPECT_EQ(add_agent(layout_, "carol", {}, {}, AdmissionFile::kWrite).error().code,
            ErrorCode::kAlreadyExists);
  put_file(layout_.agent_key("carol"), "no key", 0600);
  EXPECT_EQ(add_agent(layout_, "carol", {}, {}, AdmissionFile::kWrite).error().code,
            ErrorCode::kBadConfig);
  EXPECT_EQ(get_file(layout_.agent_key("carol")), "no key");
}

TEST_F(AddAgent, MakesAKeyAndTheAdmissionThatGoesWithIt) {
  const auto bob = add_agent(layout_, "bob", {}, {}, AdmissionFile::kWrite);
  ASSERT_TRUE(bob.ok()) << bob.error().text();
  EXPECT_TRUE(bob->key_is_new);
  EXPECT_EQ(bob->admission.names, std::vector<std::string>{"bob"});
  EXPECT_EQ(bob->admission.role, Role::kAgent);
  const auto key = load_key_file(layout_.agent_key("bob"));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->name, "bob");
  EXPECT_EQ(key->public_key, bob->admission.key);
  const auto admitted = load_admissions(layout_.admissions());
  ASSERT_TRUE(admitted.ok());
  EXPECT_EQ(admitted->size(), 2U);
  EXPECT_EQ(admitted->front(), bob->admission);
}

TEST_F(AddAgent, LeavesTheAdmissionToARunningHub) {
  const auto node =
      add_agent(layout_, "node1", {"worker-*", "carol"}, {}, AdmissionFile::kLeaveToHub);
  ASSERT_TRUE(node.ok());
  EXPECT_TRUE(may_use(node->admission, "worker-7"));
  EXPECT_TRUE(std::filesystem::exists(layout_.agent_key("node1")));
  EXPECT_FALSE(std::filesystem::exists(layout_.admissions() / "node1"));
}

}  // namespace
}  // namespace capstan
