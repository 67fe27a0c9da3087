#include "config/run_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "temporary_folder.h"

namespace capstan {
namespace {

/// Another process that holds the lock until it is killed.
class OtherHub {
 public:
  explicit OtherHub(const Layout& layout) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    process_ = ::fork();
    if (process_ == 0) {
      const auto lock = RunLock::acquire(layout);
      const char told = lock.ok() ? 'y' : 'n';
      (void)!::write(ready[1], &told, 1);
      for (;;) ::pause();
    }
    char told = 0;
    EXPECT_EQ(::read(ready[0], &told, 1), 1);
    EXPECT_EQ(told, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  OtherHub(const OtherHub&) = delete;
  OtherHub& operator=(const OtherHub&) = delete;
  ~OtherHub() { kill(); }

  [[nodiscard]] pid_t process() const { return process_; }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  pid_t process_ = 0;
};

TEST(RunLock, ASecondHubOnTheFolderIsRefusedAndToldWhoHoldsIt) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  const OtherHub other(layout);
  const auto second = RunLock::acquire(layout);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kLocked);
  EXPECT_NE(second.error().context.find("process " + std::to_string(other.process())),
            std::string::npos)
      << second.error().context;
  EXPECT_TRUE(hub_is_running(layout));
}

TEST(RunLock, IsReleasedHoweverTheProcessEnds) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  OtherHub other(layout);
  other.kill();
  EXPECT_FALSE(hub_is_running(layout));
  EXPECT_TRUE(RunLock::acquire(layout).ok());
}

TEST(RunLock, WithoutAPlaceToWriteIsAnIoError) {
  const TemporaryFolder folder;
  put_file(folder / "hub", "a file where the folder should be", 0644);
  const auto lock = RunLock::acquire(Layout{folder / "hub"});
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().code, ErrorCode::kIo);
}

TEST(RunLock, IsHeldAsLongAsItLives) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  EXPECT_FALSE(hub_is_running(layout));
  {
    const auto lock = RunLock::acquire(layout);
    ASSERT_TRUE(lock.ok());
    EXPECT_TRUE(hub_is_running(layout));
    EXPECT_EQ(get_file(layout.run() / "lock"), std::to_string(::getpid()));
    EXPECT_EQ(mode_of(layout.run() / "lock"), 0600U);
  }
  EXPECT_FALSE(hub_is_running(layout));
}

TEST(RunLock, TheNumberOfALongerProcessIdLeavesNothingBehind) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  std::filesystem::create_directories(layout.run());
  put_file(layout.run() / "lock", "123456789012345", 0600);
  const auto lock = RunLock::acquire(layout);
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(get_file(layout.run() / "lock"), std::to_string(::getpid()));
}

// Goal: whoever asks whether a hub runs keeps none from starting. Method: one asks without a pause,
// one starts again and again.
TEST(RunLock, LookingForAHubIsInNobodysWay) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  ASSERT_TRUE(RunLock::acquire(layout).ok());
  std::atomic<bool> over = false;
  std::thread watcher([&] {
    while (!over) (void)hub_is_running(layout);
  });
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    if (!RunLock::acquire(layout).ok()) ++refused;
  }
  over = true;
  watcher.join();
  EXPECT_EQ(refused, 0);
}

TEST(RunLock, TakesAwayWhereAnEarlierHubHasListened) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  {
    const auto lock = RunLock::acquire(layout);
    ASSERT_TRUE(lock.ok());
    ASSERT_TRUE(write_endpoint(layout, "tcp://127.0.0.1:1").ok());
    EXPECT_FALSE(RunLock::acquire(layout).ok());
    EXPECT_TRUE(read_endpoint(layout).ok()) << "whoever is refused takes nothing away";
  }
  EXPECT_TRUE(read_endpoint(layout).ok());
  const auto lock = RunLock::acquire(layout);
  ASSERT_TRUE(lock.ok());
  const auto missing = read_endpoint(layout);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(missing.error().context.find("is starting"), std::string::npos)
      << missing.error().context;
}

TEST(RunLock, LookingForAHubMakesNothing) {
  const TemporaryFolder folder;
  EXPECT_FALSE(hub_is_running(Layout{folder / "hub"}));
  EXPECT_EQ(count_files(folder.path()), 0U);
}

TEST(EndpointFile, OfAFolderWhereNoHubHasListenedIsUnavailable) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  const auto missing = read_endpoint(layout);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(missing.error().context.find(layout.directory.string()), std::string::npos);
  std::filesystem::create_directories(layout.run());
  put_file(layout.endpoint(), "", 0644);
  EXPECT_EQ(read_endpoint(layout).error().code, ErrorCode::kUnavailable);
}

TEST(EndpointFile, CannotBeWrittenWithoutItsFolder) {
  const TemporaryFolder folder;
  const Status written = write_endpoint(Layout{folder / "hub"}, "tcp://127.0.0.1:1");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
}

TEST(EndpointFile, IsOneLineReplacedWhole) {
  const TemporaryFolder folder;
  const Layout layout{folder / "hub"};
  std::filesystem::create_directories(layout.run());
  for (const char* const text : {"tcp://127.0.0.1:54321", "ipc:///x"}) {
    const std::string endpoint = text;
    ASSERT_TRUE(write_endpoint(layout, endpoint).ok());
    EXPECT_EQ(get_file(layout.endpoint()), endpoint + "\n");
    const auto read = read_endpoint(layout);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, endpoint);
    EXPECT_EQ(count_files(layout.run()), 1U) << "no temporary file stays";
  }
}

}  // namespace
}  // namespace capstan
