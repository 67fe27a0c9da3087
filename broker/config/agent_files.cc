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
  return {};
}

struct OwnKey {
  PublicKey key;
  bool is_new;
};

Error key_taken(const fs::path& path, std::string_view why) {
  return {ErrorCode::kAlreadyExists, path.string() + " exists, and is " + std::string(why) +
                                         ": move it away if nobody needs it any more"};
}

/// Errors: kAlreadyExists: the file has another name in it, or its key is admitted.
Result<OwnKey> take_up_key(const Layout& layout, std::string_view name) {
  const fs::path path = layout.agent_key(name);
  const auto found = load_key_file(path);
  if (!found) return found.error();
  if (found->name != name) return key_taken(path, "the key of " + in_quotes(found->name));
  const auto admissions = load_admissions(layout.admissions());
  if (!admissions) return admissions.error();
  for (const Admission& admission : *admissions) {
    if (admission.key != found->public_key) continue;
    return key_taken(path, "admitted as " + in_quotes(admission.name));
  }
  return OwnKey{found->public_key, false};
}

Result<OwnKey> make_or_take_up_key(const Layout& layout, std::string_view name) {
  KeyPair pair = generate_key_pair();
  const PublicKey made = pair.public_key;
  // Two of us at the same time: one of them makes it.
  const Status written =
      write_key_file(layout.agent_key(name), {std::string(name), made, std::move(pair.secret_key)});
  if (written) return OwnKey{made, true};
  if (written.error().code != ErrorCode::kAlreadyExists) return written.error();
  return take_up_key(layout, name);
}

}  // namespace

Result<AddedAgent> add_agent(const Layout& layout, std::string_view name,
                             std::vector<std::string> globs, std::string durability,
                             AdmissionFile file) {
  if (globs.empty()) globs.emplace_back(name);
  Admission admission{std::string(name), {}, std::move(globs), Role::kAgent, std::move(durability)};
  if (Status good = check_admission(admission); !good) return good.error();
  if (Status fresh = check_new(layout, name); !fresh) return fresh.error();
  const auto key = make_or_take_up_key(layout, name);
  if (!key) return key.error();
  admission.key = key->key;
  if (file == AdmissionFile::kWrite) {
    const Status written = write_admission(layout.admissions(), admission);
    if (!written) return written.error();
  }
  return AddedAgent{std::move(admission), key->is_new};
}

}  // namespace capstan
