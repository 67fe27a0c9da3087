#include "process_memory.h"

#include <fstream>
#include <iterator>
#include <sstream>

namespace capstan::bench {

Result<std::uint64_t> rss_anon_bytes(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/status";
  std::ifstream file(path);
  if (!file) return {ErrorCode::kNotFound, "open " + path};
  return parse_rss_anon({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

Result<std::uint64_t> parse_rss_anon(const std::string& status) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string unit;
    std::uint64_t kib = 0;
    if (words >> name >> kib >> unit && name == "RssAnon:" && unit == "kB")
      return std::uint64_t{1024} * kib;
  }
  return {ErrorCode::kMalformedFrame, "no line RssAnon in the status of a process"};
}

}  // namespace capstan::bench
