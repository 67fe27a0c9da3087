#include "machine.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "run_folder.h"
#include "run_spec.h"

namespace capstan::bench {
namespace {

Result<double> append_latency_us(int file) {
  constexpr std::size_t kAppends = 200;
  const std::array<char, 4096> page{};
  std::vector<std::uint64_t> latencies;
  for (std::size_t i = 0; i < kAppends; ++i) {
    const std::uint64_t start_ns = now_ns();
    if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        fdatasync(file) != 0)
      return Error{ErrorCode::kIo, std::string("append and sync: ") + std::strerror(errno)};
    latencies.push_back(now_ns() - start_ns);
  }
  std::nth_element(latencies.begin(), latencies.begin() + kAppends / 2, latencies.end());
  return static_cast<double>(latencies[kAppends / 2]) / 1000.0;
}

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace

Result<Machine> describe_machine(const std::string& dir) {
  auto folder = RunFolder::make(dir);
  if (!folder) return folder.error();
  const std::string path = folder.value()->path() + "/appends";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return Error{ErrorCode::kIo, "open " + path + ": " + std::strerror(errno)};
  auto latency_us = append_latency_us(file);
  close(file);
  if (!latency_us) return latency_us.error();
  return Machine{std::thread::hardware_concurrency(), processor_name(), *latency_us};
}

}  // namespace capstan::bench
