#include "capstan/security/key_file.h"

#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace capstan {
namespace {

KeyFile new_key(std::string name) {
  KeyPair pair = generate_key_pair();
  return {std::move(name), pair.public_key, std::move(pair.secret_key)};
}

std::string text_of(std::string_view name, std::string_view public_text,
                    std::string_view secret_text) {
  return "name = '" + std::string(name) + "'\npublic = '" + std::string(public_text) +
         "'\nsecret = '" + std::string(secret_text) + "'\n";
}

TEST(KeyFile, IsRefusedWhenAnybodyElseMayTouchIt) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_key_file(folder / "bob.key", new_key("bob")).ok());
  for (const mode_t mode : {0644U, 0640U, 0604U, 0660U, 0666U, 0777U, 0610U, 0601U}) {
    ASSERT_EQ(::chmod((folder / "bob.key").c_str(), mode), 0);
    const auto key = load_key_file(folder / "bob.key");
    ASSERT_FALSE(key.ok()) << std::oct << mode;
    EXPECT_EQ(key.error().code, ErrorCode::kInsecureFile);
    EXPECT_NE(key.error().context.find("chmod go= '"), std::string::npos);
  }
  ASSERT_EQ(::chmod((folder / "bob.key").c_str(), 0400), 0);
  EXPECT_TRUE(load_key_file(folder / "bob.key").ok());
}

TEST(KeyFile, IsRefusedWhenItsTextIsWrongAndNeverRepeatsTheSecret) {
  const TemporaryFolder folder;
  const KeyFile bob = new_key("bob");
  const KeyFile carol = new_key("carol");
  const std::string open = bob.public_key.z85();
  const std::string secret(bob.secret_key.z85().view());
  const std::vector<std::string> texts{
      "",
      "name = 'bob'\n",
      text_of("bob", open, secret) + "[section]\n",
      text_of("bob", open, secret) + "other = 1\n",
      text_of("bob", open, secret) + "secret = '" + secret + "'\n",
      text_of("../bob", open, secret),
      text_of("", open, secret),
      text_of("bob", open.substr(1), secret),
      text_of("bob", open, secret.substr(1)),
      text_of("bob", open, secret + "0"),
      text_of("bob", secret, secret),
      text_of("bob", carol.public_key.z85(), secret),
      "name = 'bob'\npublic = '" + open + "'\nsecret = " + secret + "\n",
      "name = 'bob'\npublic = '" + open + "'\nsecret = ['" + secret + "']\n",
      "secret = '" + secret,
  };
  for (const std::string& text : texts) {
    put_file(folder / "bob.key", text, 0600);
    const auto key = load_key_file(folder / "bob.key");
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.error().code, ErrorCode::kBadConfig) << text;
    EXPECT_EQ(key.error().context.find(secret.substr(0, 8)), std::string::npos)
        << key.error().context;
  }
}

TEST(KeyFile, IsRefusedForEveryTruncationOfItsText) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_key_file(folder / "bob.key", new_key("bob")).ok());
  const std::string text = get_file(folder / "bob.key");
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    put_file(folder / "cut.key", text.substr(0, length), 0600);
    EXPECT_FALSE(load_key_file(folder / "cut.key").ok()) << length;
  }
}

TEST(KeyFile, IsNeverOverwritten) {
  const TemporaryFolder folder;
  const KeyFile first = new_key("bob");
  ASSERT_TRUE(write_key_file(folder / "bob.key", first).ok());
  const Status second = write_key_file(folder / "bob.key", new_key("bob"));
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(load_key_file(folder / "bob.key")->public_key, first.public_key);
}

TEST(KeyFile, IsNotWrittenUnderABadName) {
  const TemporaryFolder folder;
  EXPECT_EQ(write_key_file(folder / "x.key", new_key("a'b")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(count_files(folder.path()), 0U);
}

TEST(KeyFile, WhatIsWrittenIsWhatIsRead) {
  const TemporaryFolder folder;
  const KeyFile bob = new_key("bob");
  ASSERT_TRUE(write_key_file(folder / "bob.key", bob).ok());
  EXPECT_EQ(mode_of(folder / "bob.key"), 0600U);
  const auto read = load_key_file(folder / "bob.key");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->name, "bob");
  EXPECT_EQ(read->public_key, bob.public_key);
  EXPECT_TRUE(equal(read->secret_key.view(), bob.secret_key.view()));
  EXPECT_EQ(load_key_file(folder / "carol.key").error().code, ErrorCode::kNotFound);
}

TEST(PublicKeyFile, IsRefusedWhenOthersCouldNameAnotherHub) {
  const TemporaryFolder folder;
  const PublicKey hub = generate_key_pair().public_key;
  ASSERT_TRUE(write_public_key_file(folder / "hub.pub", hub).ok());
  EXPECT_EQ(mode_of(folder / "hub.pub"), 0644U);
  EXPECT_EQ(get_file(folder / "hub.pub"), hub.z85() + "\n");
  EXPECT_EQ(load_public_key_file(folder / "hub.pub").value(), hub);
  ASSERT_EQ(::chmod((folder / "hub.pub").c_str(), 0664), 0);
  EXPECT_EQ(load_public_key_file(folder / "hub.pub").error().code, ErrorCode::kInsecureFile);
}

TEST(PublicKeyFile, IsRefusedWhenItHoldsAnythingElse) {
  const TemporaryFolder folder;
  const std::string key = generate_key_pair().public_key.z85();
  for (const std::string& text : {std::string(), std::string("\n"), key.substr(1), key + "\n\n",
                                  key + key, " " + key, key + "\r\n"}) {
    put_file(folder / "hub.pub", text, 0644);
    EXPECT_EQ(load_public_key_file(folder / "hub.pub").error().code, ErrorCode::kBadConfig) << text;
  }
}

}  // namespace
}  // namespace capstan
