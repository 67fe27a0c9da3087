// Programmer errors: a failed check prints the place and ends the process, in release builds too.
#pragma once

namespace capstan {

[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace capstan

#define CAPSTAN_CHECK(condition)                               \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::capstan::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)
