#include "processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// The header of glibc 2.36 forgets to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/base/clock.h"

namespace capstan::bench {
namespace {

volatile std::sig_atomic_t interrupted = 0;

std::string program_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::uint64_t deadline_after(double seconds) {
  return now_ns() + static_cast<std::uint64_t>(seconds * kNsPerSecond);
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

Descriptor open_log(const std::string& path) {
  if (path.empty()) return Descriptor(-1);
  return Descriptor(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
}

Error system_error(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::strerror(errno)};
}

std::vector<char*> arguments_of(std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return arguments;
}

// Between fork and exec: nothing here may allocate.
[[noreturn]] void become(char* const* arguments, int output, int errors, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above.
  if (getppid() != parent) _exit(127);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(127);
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

double cpu_seconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(std::vector<std::string> command,
                                            const std::string& log_path) {
  const std::string name = command.front();
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("make a pipe");
  Descriptor output(ends[0]);
  const Descriptor input(ends[1]);
  const Descriptor log = open_log(log_path);
  if (!log_path.empty() && log.get() < 0) return system_error("open " + log_path);

  const std::vector<char*> arguments = arguments_of(command);
  const int child_output = log_path.empty() ? input.get() : log.get();
  const int child_errors = log_path.empty() ? STDERR_FILENO : log.get();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(arguments.data(), child_output, child_errors, parent);
  if (pid < 0) return system_error("start " + name);
  return std::unique_ptr<Child>(new Child(name, pid, output.release()));
}

Result<std::unique_ptr<Child>> Child::start_role(const std::string& role, const RunSpec& spec) {
  auto child = start({program_path(), "--role", role, "--spec", spec.to_json().dump()});
  if (child) child.value()->name_ = role;
  return child;
}

Child::Child(std::string name, pid_t pid, int output)
    : name_(std::move(name)), pid_(pid), pid_fd_(pidfd_open(pid, 0)), output_(output) {
  CAPSTAN_CHECK(pid_fd_ >= 0);
}

Child::~Child() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(pid_fd_);
  close(output_);
}

Status Child::wait_readable(int descriptor, std::uint64_t deadline_ns, const Child* needed) const {
  std::array<pollfd, 2> items{
      {{descriptor, POLLIN, 0}, {needed != nullptr ? needed->pid_fd_ : -1, POLLIN, 0}}};
  for (;;) {
    if (interrupted != 0) return {ErrorCode::kClosed, "interrupted"};
    const std::uint64_t now = now_ns();
    if (now >= deadline_ns) return {ErrorCode::kTimeout, name_ + " takes too long"};
    const auto wait_ms = static_cast<int>((deadline_ns - now) / kNsPerMs + 1);
    if (poll(items.data(), items.size(), wait_ms) <= 0) continue;
    if (items[0].revents != 0) return {};
    return {ErrorCode::kClosed, needed->name_ + " has ended before " + name_};
  }
}

Result<std::string> Child::read_line(double timeout_seconds, const Child* needed) {
  const std::uint64_t deadline_ns = deadline_after(timeout_seconds);
  for (;;) {
    if (const auto end = buffered_.find('\n'); end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    if (Status ready = wait_readable(output_, deadline_ns, needed); !ready) return ready.error();
    std::array<char, 65536> chunk{};
    const ssize_t got = read(output_, chunk.data(), chunk.size());
    if (got <= 0) return Error{ErrorCode::kClosed, name_ + " " + how_it_ended()};
    buffered_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

Result<nlohmann::json> Child::read_json(double timeout_seconds, const Child* needed) {
  auto line = read_line(timeout_seconds, needed);
  if (!line) return line.error();
  nlohmann::json json = nlohmann::json::parse(line.value(), nullptr, false);
  if (json.is_discarded()) return Error{ErrorCode::kMalformedFrame, name_ + " said " + *line};
  return json;
}

// Its output is closed, so it has ended or is about to.
std::string Child::how_it_ended() {
  if (!wait_readable(pid_fd_, deadline_after(1.0), nullptr)) return "has closed its output";
  int status = 0;
  CAPSTAN_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return end_text(status);
}

Result<double> Child::finish(double timeout_seconds) {
  if (Status ended = wait_readable(pid_fd_, deadline_after(timeout_seconds), nullptr); !ended)
    return ended.error();
  int status = 0;
  rusage usage{};
  CAPSTAN_CHECK(wait4(pid_, &status, 0, &usage) == pid_);
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error{ErrorCode::kIo, name_ + " " + end_text(status)};
  return cpu_seconds(usage);
}

void Child::terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
}

void tell_parent(const nlohmann::json& json) {
  std::printf("%s\n", json.dump().c_str());
  std::fflush(stdout);
}

void end_gently_when_interrupted() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string program_folder() {
  return std::filesystem::path(program_path()).parent_path().string();
}

}  // namespace capstan::bench
