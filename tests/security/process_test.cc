#include "capstan/security/process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace capstan {
namespace {

// Goal: after harden_process() there is no core dump and no attaching.
// Method: in a child, since there is no way back.
TEST(HardenProcess, TurnsOffCoreDumpsAndAttaching) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    rlimit core{1, 1};
    const bool done = harden_process().ok() && ::getrlimit(RLIMIT_CORE, &core) == 0;
    const bool hard = core.rlim_cur == 0 && core.rlim_max == 0;
    ::_exit(done && hard && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace capstan
