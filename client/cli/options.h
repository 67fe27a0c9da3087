// What the command line says, one struct a command. main.cc fills them in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capstan/base/ids.h"

namespace capstan::cli {

/// Every command has these.
struct CommonOptions {
  std::string directory;
  std::string endpoint;  ///< Empty: where the folder's hub listens.
  std::string key_file;  ///< Empty: keys/NAME.key of whoever the command speaks for.
  int connect_timeout_ms = 0;
  bool json = false;
};

struct InitOptions {
  std::string directory;
  std::string listen = "tcp://127.0.0.1:7450";
  bool json = false;
};

struct AgentAddOptions {
  std::string name;
  std::string globs;       ///< Comma-separated; empty: the name alone.
  std::string durability;  ///< Of the mailboxes made for it; empty: the hub's default.
};

/// Files; empty: the agent says nothing of this kind.
struct AgentRegisterOptions {
  std::string name;
  std::string passport;
  std::string resume;
  std::string skill;
  std::string rule;
};

/// For `agent show` and `agent unregister`.
struct AgentShowOptions {
  std::string name;
};

struct AgentRemoveOptions {
  std::string name;
};

struct SendOptions {
  std::string to;
  std::vector<std::string> words;
  std::string as;
  std::string file;
  bool lines = false;
  bool wait = false;
  std::optional<std::uint32_t> ttl_seconds;
  std::string priority = "normal";  ///< background, normal or urgent.
  std::string idempotency_key;      ///< Empty: none. With `lines`, line n has KEY:n.
};

struct JournalToolOptions {
  std::string directory;  ///< A hub's folder, or its data folder.
  std::string scratch;    ///< Where the copy is made; empty: the system's folder for such things.
  bool json = false;
  // Of dump.
  Sequence from;
  Sequence to{UINT64_MAX};
  bool payload = false;
};

struct ListenOptions {
  std::string as;
  std::optional<std::uint64_t> count;
  std::optional<int> timeout_ms;  ///< Empty: no bound.
};

struct InboxOptions {
  std::string name;
};

struct DeadListOptions {
  std::string name;  ///< Empty: of every agent.
};

/// For `dead resend` and `dead drop`: either records or all.
struct DeadLetterOptions {
  std::string name;
  std::vector<std::uint64_t> records;
  bool all = false;
};

struct TraceOptions {
  std::string envelope_id;
};

}  // namespace capstan::cli
