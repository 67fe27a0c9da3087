#include "config/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace capstan {

Status open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest one that is free. In the wrong direction: nothing at all is no empty input.
    if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
      return {ErrorCode::kIo, "cannot open /dev/null: " + std::string(std::strerror(errno))};
    }
  }
  return {};
}

}  // namespace capstan
