#include "capstan/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace capstan {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "capstan: check failed at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace capstan
