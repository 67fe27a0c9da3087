#include "capstan/security/credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace capstan {
namespace {

Admission admission_of(std::string name) {
  return {name, generate_key_pair().public_key, {name}, Role::kAgent};
}

TEST(CredentialSnapshot, RefusesOneKeyOrOneNameTwice) {
  const Admission bob = admission_of("bob");
  Admission carol = admission_of("carol");
  carol.key = bob.key;
  EXPECT_EQ(CredentialSnapshot::build({bob, carol}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(CredentialSnapshot::build({bob, admission_of("bob")}).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(CredentialSnapshot::build({bob, bob}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(CredentialSnapshot::build({admission_of("../bob")}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(CredentialSnapshot, FindsWhoWasAdmittedAndNobodyElse) {
  const Admission bob = admission_of("bob");
  const Admission carol = admission_of("carol");
  const SharedCredentials both = CredentialSnapshot::build({carol, bob}).value();
  EXPECT_EQ(both->find(generate_key_pair().public_key), nullptr);
  EXPECT_EQ(both->find(PublicKey{}), nullptr);
  EXPECT_EQ(*both->find(bob.key), bob);
  EXPECT_EQ(*both->find(carol.key), carol);
  EXPECT_EQ(*both->find("carol"), carol);
  for (const std::string_view name : {"", "a", "bo", "bob2", "dave"}) {
    EXPECT_EQ(both->find(name), nullptr) << name;
  }
  EXPECT_EQ(CredentialSnapshot::empty()->find(bob.key), nullptr);
}

TEST(CredentialSnapshot, OneMoreOrOneLessIsAnotherSnapshot) {
  const Admission bob = admission_of("bob");
  const SharedCredentials none = CredentialSnapshot::empty();
  const SharedCredentials one = none->with(bob).value();
  EXPECT_FALSE(one->with(bob).ok());
  EXPECT_EQ(none->find(bob.key), nullptr);
  EXPECT_NE(one->find(bob.key), nullptr);
  EXPECT_EQ(one->without("bob")->find(bob.key), nullptr);
  EXPECT_NE(one->without("carol")->find(bob.key), nullptr);
}

TEST(CredentialStore, ASnapshotThatWasTakenStaysAsItWas) {
  const Admission bob = admission_of("bob");
  CredentialStore store(CredentialSnapshot::build({bob}).value());
  const SharedCredentials before = store.current();
  store.replace(CredentialSnapshot::empty());
  EXPECT_NE(before->find(bob.key), nullptr);
  EXPECT_EQ(store.current()->find(bob.key), nullptr);
}

TEST(CredentialStore, ReadersSeeOneSnapshotOrTheOther) {
  const Admission bob = admission_of("bob");
  const SharedCredentials with_bob = CredentialSnapshot::build({bob}).value();
  CredentialStore store;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 10'000; ++i) {
      store.replace(i % 2 == 0 ? with_bob : CredentialSnapshot::empty());
    }
    done = true;
  });
  while (!done) {
    const SharedCredentials seen = store.current();
    ASSERT_EQ(seen->find(bob.key) != nullptr, seen->admissions().size() == 1);
  }
  writer.join();
}

}  // namespace
}  // namespace capstan
