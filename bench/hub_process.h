// The hub under test: a fresh folder, two agents, and the real daemon on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capstan/base/result.h"
#include "crowd.h"
#include "processes.h"
#include "run_folder.h"
#include "run_spec.h"

namespace capstan::bench {

inline constexpr const char* kSenderName = "alice";
inline constexpr const char* kReceiverName = "bob";

/// A running `capstand`, which lies beside this program. Its folder is gone when this object is.
class HubProcess {
 public:
  /// Makes what `capstan init` and `capstan agent add` make, in a folder under `spec.dir`, with all
  /// options at their default but for `security.curve`, and the receiver's mailbox as durable as
  /// `spec` says. Returns before the hub listens: clients try
  /// until it does.
  /// Beside sender and receiver, the agents of `crowd` are admitted.
  static Result<std::unique_ptr<HubProcess>> start(const RunSpec& spec,
                                                   const std::vector<KeyOfAgents>& crowd = {});

  [[nodiscard]] const std::string& dir() const { return folder_->path(); }
  /// `spec`, with all that a client needs to find this hub.
  [[nodiscard]] RunSpec addressed(RunSpec spec) const;

  [[nodiscard]] const Child& daemon() const { return *daemon_; }

  /// kill -9, and waits until it is gone. start_again() follows.
  void kill();
  /// As start(): returns before the hub listens.
  Status start_again() { return launch(); }

  /// Lets it drain and returns its CPU seconds. Errors: also what it logged last.
  Result<double> stop();

  /// `error`, and the end of the hub's log, which says why.
  [[nodiscard]] Error with_log(const Error& error) const;

 private:
  explicit HubProcess(std::unique_ptr<RunFolder> folder) : folder_(std::move(folder)) {}
  Status fill_folder(const RunSpec& spec, const std::vector<KeyOfAgents>& crowd);
  Status launch();
  [[nodiscard]] std::string log_path() const { return dir() + "/capstand.log"; }
  [[nodiscard]] std::string config_path() const { return dir() + "/bench.toml"; }

  std::unique_ptr<RunFolder> folder_;
  std::string endpoint_;
  std::string hub_public_key_;
  std::unique_ptr<Child> daemon_;
};

}  // namespace capstan::bench
