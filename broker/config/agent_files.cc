#include "config/agent_files.h"

#include <system_error>
#include <utility>

#include "capstan/security/file.h"
#include "capstan/security/key_file.h"
#include "capstan/security/toml.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

Status check_new(const Layout& layout, std::string_view name) {
  if (name == kHubName) {
    return {ErrorCode::kAlreadyExists, "'hub' is the hub itself: name the agent otherwise"};
  }
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(layout.admissions() / name, ignored))) {
    return {ErrorCode::kAlreadyExists, in_quotes(name) + " is admitted already"};
  }
  const fs::path key = layout.agent_key(name);
  if (fs::exists(fs::symlink_status(key, ignored))) {
    return {ErrorCode::kAlreadyExists,
            key.string() + " exists: move it away if nobody needs it any more"};
  }
  return {};
}

}  // namespace

Result<Admission> add_agent(const Layout& layout, std::string_view name,
                            std::vector<std::string> globs, std::string durability,
                            AdmissionFile file) {
  KeyPair pair = generate_key_pair();
  if (globs.empty()) globs.emplace_back(name);
  Admission admission{std::string(name), pair.public_key, std::move(globs), Role::kAgent,
                      std::move(durability)};
  if (Status good = check_admission(admission); !good) return good.error();
  if (Status fresh = check_new(layout, name); !fresh) return fresh.error();

  const fs::path key_path = layout.agent_key(name);
  // Two of us at the same time: one of them gets kAlreadyExists here.
  Status written =
      write_key_file(key_path, {admission.name, pair.public_key, std::move(pair.secret_key)});
  if (!written) return written.error();
  if (file == AdmissionFile::kLeaveToHub) return admission;

  written = write_admission(layout.admissions(), admission);
  if (written) return admission;
  // A key that opens nothing would only be in the way of the next attempt.
  static_cast<void>(remove_file(key_path));
  return written.error();
}

}  // namespace capstan
