#include "config/init.h"

#include <gtest/gtest.h>

#include <string>

#include "capstan/security/admission.h"
#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "config/config.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr std::string_view kListen = "tcp://127.0.0.1:7450";

TEST(Init, RefusesAHubsFolderAndLeavesItAsItWas) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  ASSERT_TRUE(init_directory(layout.directory, kListen).ok());
  const std::string key = get_file(layout.hub_key());
  EXPECT_EQ(init_directory(layout.directory, kListen).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(get_file(layout.hub_key()), key);
}

TEST(Init, RefusesAFolderWithAnythingInIt) {
  const TemporaryFolder folder;
  put_file(folder / "letter.txt", "dear bob", 0644);
  const auto made = init_directory(folder.path(), kListen);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(made.error().context.find("letter.txt"), std::string::npos);
  EXPECT_EQ(count_files(folder.path()), 1U);
}

TEST(Init, RefusesABadEndpointBeforeItMakesAnything) {
  const TemporaryFolder folder;
  EXPECT_EQ(init_directory(folder / "hub", "7450").error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(folder / "hub"));
}

TEST(Init, TellsWhenThePlaceIsAFile) {
  const TemporaryFolder folder;
  put_file(folder / "hub", "", 0644);
  EXPECT_EQ(init_directory(folder / "hub", kListen).error().code, ErrorCode::kIo);
}

TEST(Init, MakesAWholeFolder) {
  const TemporaryFolder folder;
  const Layout layout{folder / "sites/edge/hub"};
  EXPECT_EQ(init_directory(layout.directory, kListen).value(), kListen);

  EXPECT_EQ(mode_of(layout.keys()), 0700U);
  EXPECT_EQ(mode_of(layout.data()), 0700U);
  EXPECT_EQ(mode_of(layout.hub_key()), 0600U);
  EXPECT_EQ(mode_of(layout.operator_key()), 0600U);
  EXPECT_TRUE(std::filesystem::is_directory(layout.run()));

  const auto hub = load_key_file(layout.hub_key());
  ASSERT_TRUE(hub.ok()) << hub.error().text();
  EXPECT_EQ(hub->name, "hub");
  EXPECT_EQ(load_public_key_file(layout.hub_public_key()).value(), hub->public_key);

  const auto key = load_key_file(layout.operator_key());
  ASSERT_TRUE(key.ok());
  EXPECT_NE(key->public_key, hub->public_key);
  const Admission expected{"operator", key->public_key, {"operator"}, Role::kAdmin};
  EXPECT_EQ(load_admissions(layout.admissions()).value(), std::vector<Admission>{expected});

  EXPECT_EQ(get_file(layout.config_file()), render_config(kListen));
  const auto config = load_config(layout.config_file());
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->journal_directory(), layout.data());
}

TEST(Init, AcceptsAnEmptyFolderAndAFreshMount) {
  const TemporaryFolder empty;
  EXPECT_TRUE(init_directory(empty.path(), kListen).ok());
  const TemporaryFolder mount;
  std::filesystem::create_directory(mount / "lost+found");
  EXPECT_TRUE(init_directory(mount.path(), kListen).ok());
}

TEST(Init, AcceptsARelativeFolderName) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const bool made = init_directory("hub", kListen).ok();
  const bool made_here = init_directory("hub/../here/", kListen).ok();
  std::filesystem::current_path(before);
  EXPECT_TRUE(made);
  EXPECT_TRUE(made_here);
}

TEST(Init, WritesDownThePortThatItPicked) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  const auto endpoint = init_directory(layout.directory, "tcp://127.0.0.1:0");
  ASSERT_TRUE(endpoint.ok());
  EXPECT_NE(*endpoint, "tcp://127.0.0.1:0");
  EXPECT_EQ(load_config(layout.config_file())->listen.endpoint, *endpoint);
}

}  // namespace
}  // namespace capstan
