#include "config/init.h"

#include <system_error>
#include <utility>

#include "capstan/security/admission.h"
#include "capstan/security/file.h"
#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "config/config.h"
#include "config/endpoint.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

/// Where a file system is mounted, mkfs has left this folder; it is as good as empty.
constexpr std::string_view kMountLeftover = "lost+found";

Error io_error(const fs::path& path, const std::error_code& failure) {
  return {ErrorCode::kIo, path.string() + ": " + failure.message()};
}

/// The folder exists afterwards, and there is nothing in it.
Status make_empty_folder(const Layout& layout) {
  std::error_code failure;
  if (fs::exists(layout.config_file(), failure)) {
    return {ErrorCode::kAlreadyExists,
            layout.directory.string() + " is a hub's folder already: it has a capstan.toml"};
  }
  fs::create_directories(layout.directory, failure);
  if (failure) return io_error(layout.directory, failure);
  for (const auto& entry : fs::directory_iterator(layout.directory, failure)) {
    if (entry.path().filename() == kMountLeftover) continue;
    return {ErrorCode::kAlreadyExists, layout.directory.string() + " is not empty: it has '" +
                                           entry.path().filename().string() +
                                           "'; name a folder that is empty or missing"};
  }
  if (failure) return io_error(layout.directory, failure);
  const fs::path above = layout.directory / "..";
  return sync_directory(above);
}

KeyFile new_key(std::string_view name) {
  KeyPair pair = generate_key_pair();
  return {std::string(name), pair.public_key, std::move(pair.secret_key)};
}

Status make_folders(const Layout& layout) {
  // What agents say lies in data/; who may connect is in agents/, which is no secret.
  if (Status made = make_directory(layout.keys(), 0700); !made) return made;
  if (Status made = make_directory(layout.data(), 0700); !made) return made;
  if (Status made = make_directory(layout.admissions(), 0755); !made) return made;
  return make_directory(layout.run(), 0755);
}

Status make_hub_key(const Layout& layout) {
  const KeyFile hub = new_key(kHubName);
  if (Status written = write_key_file(layout.hub_key(), hub); !written) return written;
  return write_public_key_file(layout.hub_public_key(), hub.public_key);
}

Status make_operator(const Layout& layout) {
  const KeyFile key = new_key(kOperatorName);
  if (Status written = write_key_file(layout.operator_key(), key); !written) return written;
  const std::string name(kOperatorName);
  return write_admission(layout.admissions(), {name, key.public_key, {name}, Role::kAdmin});
}

}  // namespace

Result<std::string> init_directory(const fs::path& directory, std::string_view listen) {
  const Result<Endpoint> wanted = parse_endpoint(listen);
  if (!wanted) return wanted.error();
  const Layout layout{directory};
  if (Status made = make_empty_folder(layout); !made) return made.error();
  const Result<Endpoint> endpoint = with_free_port(*wanted);
  if (!endpoint) return endpoint.error();
  if (Status made = make_folders(layout); !made) return made.error();
  if (Status made = make_hub_key(layout); !made) return made.error();
  if (Status made = make_operator(layout); !made) return made.error();
  Status written = create_file(layout.config_file(), render_config(endpoint->text()), 0644);
  if (!written) return written.error();
  return endpoint->text();
}

}  // namespace capstan
