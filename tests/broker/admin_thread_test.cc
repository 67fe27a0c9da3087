#include "admin_thread.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "capstan/security/random.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr int kPatienceMs = 20'000;

AdmittedKey new_key(const std::string& name, const PublicKey& key) {
  return {name, key.bytes, {name}, AgentRole::kAgent};
}

/// A hub's folder with agents/, and the thread that works on it.
class Admin {
 public:
  Admin() {
    EXPECT_TRUE(init_security().ok());
    std::filesystem::create_directories(layout.admissions());
    std::filesystem::permissions(layout.admissions(), std::filesystem::perms::owner_all);
    thread = std::make_unique<AdminThread>(layout, credentials);
  }

  /// The next result.
  Event next() {
    while (results.empty()) {
      pollfd waiting{thread->wake_fd(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMs) != 1) {
        ADD_FAILURE() << "no answer";
        return Tick{};
      }
      thread->drain(results);
    }
    Event first = std::move(results.front());
    results.erase(results.begin());
    return first;
  }
  KeyAdmitted admit(const AdmittedKey& key) {
    thread->admit(key);
    Event event = next();
    const auto* admitted = std::get_if<KeyAdmitted>(&event);
    EXPECT_NE(admitted, nullptr);
    return admitted == nullptr ? KeyAdmitted{} : *admitted;
  }
  NameWithdrawn withdraw(const std::string& name) {
    thread->withdraw(name);
    Event event = next();
    const auto* withdrawn = std::get_if<NameWithdrawn>(&event);
    EXPECT_NE(withdrawn, nullptr);
    return withdrawn == nullptr ? NameWithdrawn{} : *withdrawn;
  }
  WithdrawalForgotten forget(const std::string& name) {
    thread->forget(name);
    Event event = next();
    const auto* forgotten = std::get_if<WithdrawalForgotten>(&event);
    EXPECT_NE(forgotten, nullptr);
    return forgotten == nullptr ? WithdrawalForgotten{} : *forgotten;
  }
  [[nodiscard]] bool silent() const {
    pollfd waiting{thread->wake_fd(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 0;
  }

  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  CredentialStore credentials;
  std::unique_ptr<AdminThread> thread;
  std::vector<Event> results;
};

TEST(AdminThread, AKeyThatIsAdmittedUnderAnotherNameIsRefusedAndNothingIsWritten) {
  Admin admin;
  const PublicKey key = generate_key_pair().public_key;
  EXPECT_FALSE(admin.admit(new_key("bob", key)).error.has_value());
  const KeyAdmitted refused = admin.admit(new_key("carol", key));
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.name, "carol");
  EXPECT_EQ(count_files(admin.layout.admissions()), 1U);
  EXPECT_EQ(admin.credentials.current()->find("carol"), nullptr);
}

TEST(AdminThread, WhatIsAdmittedAlreadyMayBeToldAgainButNotOtherwise) {
  Admin admin;
  const PublicKey key = generate_key_pair().public_key;
  EXPECT_FALSE(admin.admit(new_key("bob", key)).error.has_value());
  EXPECT_FALSE(admin.admit(new_key("bob", key)).error.has_value());
  EXPECT_TRUE(admin.admit(new_key("bob", generate_key_pair().public_key)).error.has_value());
  EXPECT_NE(admin.credentials.current()->find(key), nullptr);
}

TEST(AdminThread, ANameThatIsNoneIsRefused) {
  Admin admin;
  const KeyAdmitted refused = admin.admit(new_key("../bob", generate_key_pair().public_key));
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(count_files(admin.layout.admissions()), 0U);
}

TEST(AdminThread, AKeyThatCannotBeWrittenIsNotAdmitted) {
  Admin admin;
  std::filesystem::remove_all(admin.layout.admissions());
  const PublicKey key = generate_key_pair().public_key;
  EXPECT_TRUE(admin.admit(new_key("bob", key)).error.has_value());
  EXPECT_EQ(admin.credentials.current()->find(key), nullptr);
}

TEST(AdminThread, AnAdmittedKeyIsOnDiskAndMayEnter) {
  Admin admin;
  const PublicKey key = generate_key_pair().public_key;
  const KeyAdmitted admitted = admin.admit(new_key("bob", key));
  EXPECT_FALSE(admitted.error.has_value());
  EXPECT_EQ(admitted.name, "bob");
  const auto on_disk = load_admissions(admin.layout.admissions());
  ASSERT_TRUE(on_disk.ok());
  ASSERT_EQ(on_disk->size(), 1U);
  EXPECT_EQ(on_disk->front().key, key);
  EXPECT_EQ(on_disk->front().names, std::vector<std::string>{"bob"});
  EXPECT_NE(admin.credentials.current()->find(key), nullptr);
  EXPECT_TRUE(admin.silent());
}

TEST(AdminThread, AWithdrawnKeyMayNotEnterAndItsNoteStaysUntilItIsForgotten) {
  Admin admin;
  const PublicKey bob = generate_key_pair().public_key;
  const PublicKey carol = generate_key_pair().public_key;
  ASSERT_FALSE(admin.admit(new_key("bob", bob)).error.has_value());
  ASSERT_FALSE(admin.admit(new_key("carol", carol)).error.has_value());
  const NameWithdrawn withdrawn = admin.withdraw("bob");
  EXPECT_FALSE(withdrawn.error.has_value());
  EXPECT_EQ(withdrawn.name, "bob");
  EXPECT_EQ(withdrawn.key, bob.bytes);
  EXPECT_EQ(withdrawn.withdrawn, std::vector<std::string>{"bob"});
  ASSERT_TRUE(withdrawn.keys.has_value());
  ASSERT_EQ(withdrawn.keys->size(), 1U);
  EXPECT_EQ(withdrawn.keys->front().name, "carol");
  EXPECT_EQ(admin.credentials.current()->find(bob), nullptr);
  EXPECT_NE(admin.credentials.current()->find(carol), nullptr);
  EXPECT_EQ(load_retired(admin.layout.admissions())->size(), 1U);
  EXPECT_FALSE(admin.forget("bob").error.has_value());
  EXPECT_TRUE(load_retired(admin.layout.admissions())->empty());
}

TEST(AdminThread, ANameThatNoKeyHasIsWithdrawnWithoutANote) {
  Admin admin;
  const NameWithdrawn withdrawn = admin.withdraw("bob");
  EXPECT_FALSE(withdrawn.error.has_value());
  EXPECT_TRUE(withdrawn.withdrawn.empty());
  EXPECT_EQ(count_files(admin.layout.admissions()), 0U);
  const WithdrawalForgotten forgotten = admin.forget("bob");
  EXPECT_EQ(forgotten.name, "bob");
  EXPECT_FALSE(forgotten.error.has_value());
}

TEST(AdminThread, AWithdrawalThatFailsChangesNothing) {
  Admin admin;
  const PublicKey bob = generate_key_pair().public_key;
  ASSERT_FALSE(admin.admit(new_key("bob", bob)).error.has_value());
  put_file(admin.layout.admissions() / "carol", "this is no admission", 0644);
  const NameWithdrawn withdrawn = admin.withdraw("bob");
  EXPECT_EQ(withdrawn.name, "bob");
  ASSERT_TRUE(withdrawn.error.has_value());
  EXPECT_FALSE(withdrawn.keys.has_value());
  EXPECT_NE(admin.credentials.current()->find(bob), nullptr);
}

TEST(AdminThread, AReloadGivesAllKeysOnDisk) {
  Admin admin;
  const PublicKey bob = generate_key_pair().public_key;
  const PublicKey carol = generate_key_pair().public_key;
  ASSERT_FALSE(admin.admit(new_key("bob", bob)).error.has_value());
  ASSERT_TRUE(remove_admission(admin.layout.admissions(), "bob").ok());
  Admission admission;
  admission.name = "carol";
  admission.key = carol;
  admission.names = {"carol", "carol-*"};
  ASSERT_TRUE(write_admission(admin.layout.admissions(), admission).ok());
  admin.thread->reload();
  const Event event = admin.next();
  const auto* changed = std::get_if<KeysChanged>(&event);
  ASSERT_NE(changed, nullptr);
  ASSERT_EQ(changed->keys.size(), 1U);
  EXPECT_EQ(changed->keys[0].name, "carol");
  EXPECT_EQ(changed->keys[0].key, carol.bytes);
  EXPECT_EQ(changed->keys[0].names, admission.names);
  EXPECT_EQ(admin.credentials.current()->find(bob), nullptr);
  EXPECT_NE(admin.credentials.current()->find(carol), nullptr);
}

TEST(AdminThread, AFolderWithErrorsChangesNothing) {
  Admin admin;
  const PublicKey bob = generate_key_pair().public_key;
  ASSERT_FALSE(admin.admit(new_key("bob", bob)).error.has_value());
  put_file(admin.layout.admissions() / "carol", "this is no admission", 0644);
  admin.thread->reload();
  // Work is done in order: when this is answered, the reload is over.
  const KeyAdmitted after = admin.admit(new_key("dave", generate_key_pair().public_key));
  EXPECT_EQ(after.name, "dave");
  EXPECT_NE(admin.credentials.current()->find(bob), nullptr);
  EXPECT_TRUE(admin.silent()) << "no KeysChanged";
}

// Goal: a mount of agents/ that is gone is nobody's retirement; the removal of the last agent is.
TEST(AdminThread, AnEmptyFolderShutsNobodyOutUnlessTheLastWasWithdrawn) {
  Admin admin;
  const PublicKey bob = generate_key_pair().public_key;
  ASSERT_FALSE(admin.admit(new_key("bob", bob)).error.has_value());
  const auto aside = admin.folder / "aside";
  std::filesystem::rename(admin.layout.admissions() / "bob", aside);
  admin.thread->reload();
  const NameWithdrawn unmounted = admin.withdraw("bob");
  ASSERT_TRUE(unmounted.error.has_value());
  EXPECT_EQ(unmounted.error->code, ErrorCode::kBadConfig);
  EXPECT_FALSE(unmounted.keys.has_value());
  EXPECT_NE(admin.credentials.current()->find(bob), nullptr);
  EXPECT_TRUE(admin.silent()) << "no KeysChanged";
  std::filesystem::rename(aside, admin.layout.admissions() / "bob");
  const NameWithdrawn last = admin.withdraw("bob");
  EXPECT_FALSE(last.error.has_value());
  ASSERT_TRUE(last.keys.has_value());
  EXPECT_TRUE(last.keys->empty());
  EXPECT_EQ(admin.credentials.current()->find(bob), nullptr);
  admin.thread->reload();
  const Event event = admin.next();
  EXPECT_NE(std::get_if<KeysChanged>(&event), nullptr) << "empty it was before";
}

TEST(AdminThread, FinishesTheWorkThatWaitsBeforeItEnds) {
  Admin admin;
  for (int i = 0; i < 10; ++i) {
    admin.thread->admit(new_key("bob-" + std::to_string(i), generate_key_pair().public_key));
  }
  admin.thread.reset();
  EXPECT_EQ(count_files(admin.layout.admissions()), 10U);
}

TEST(AdminThread, TheFirstLookWaitsAndEveryFurtherOneIsTold) {
  const TemporaryFolder folder;
  CredentialStore credentials;
  std::uint64_t looks = 0;
  const auto look = [&looks]() -> std::optional<Event> { return DiskSpace{{}, ++looks}; };
  AdminThread thread(Layout{folder / "hub"}, credentials, [] { return Status(); },
                     {look, std::chrono::milliseconds(1)});
  std::vector<Event> events;
  thread.drain(events);
  ASSERT_GE(events.size(), 1U);
  while (events.size() < 3) {
    pollfd waiting{thread.wake_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, kPatienceMs), 1);
    thread.drain(events);
  }
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::get<DiskSpace>(events[i]).free_bytes, i + 1);
  }
}

}  // namespace
}  // namespace capstan
