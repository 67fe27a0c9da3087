#include "capstan/security/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <system_error>

namespace capstan {
namespace {

Status refused_by_kernel(const char* what) {
  return {ErrorCode::kIo, std::string(what) + ": " + std::generic_category().message(errno)};
}

}  // namespace

Status harden_process() {
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return refused_by_kernel("setrlimit(RLIMIT_CORE)");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused_by_kernel("prctl(PR_SET_DUMPABLE)");
  return {};
}

}  // namespace capstan
