#include "capstan/security/key_file.h"

#include <sodium.h>

#include <array>
#include <utility>
#include <vector>

#include "capstan/security/admission.h"
#include "capstan/security/file.h"
#include "capstan/security/toml.h"
#include "flat_file.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kKnownKeys{"name", "public", "secret"};

SecretText encode_key_file(const KeyFile& key) {
  SecretText text;
  text.append("# Capstan key. Whoever can read this file is " + in_quotes(key.name) + ".\n");
  text.append("name = " + in_quotes(key.name) + "\n");
  text.append("public = " + in_quotes(key.public_key.z85()) + "\n");
  text.append("secret = '");
  text.append(key.secret_key.z85().view());
  text.append("'\n");
  return text;
}

/// Leaves no secret in the document, whichever of its keys somebody wrote it behind.
void wipe_texts(TomlDocument& document) {
  for (TomlSection& section : document.sections) {
    for (TomlEntry& entry : section.entries) {
      if (auto* text = std::get_if<std::string>(&entry.value)) {
        sodium_memzero(text->data(), text->size());
      }
    }
  }
}

Result<KeyFile> read_document(const TomlDocument& document, const fs::path& path) {
  std::vector<std::string> problems = find_unknown_keys(document, path, kKnownKeys);
  const auto text_of = [&](std::string_view key) {
    return require_value<std::string>(document, path, key, "text", problems);
  };
  const std::string* const name = text_of("name");
  const std::string* const public_text = text_of("public");
  const std::string* const secret_text = text_of("secret");
  if (!problems.empty()) return {ErrorCode::kBadConfig, join_lines(problems)};

  const auto bad = [&](const Error& error) {
    return Error{ErrorCode::kBadConfig, path.string() + ": " + error.context};
  };
  if (Status named = check_agent_name(*name); !named) return bad(named.error());
  Result<PublicKey> public_key = PublicKey::from_z85(*public_text);
  if (!public_key) return bad(public_key.error());
  Result<SecretKey> secret_key = SecretKey::from_z85(*secret_text);
  if (!secret_key) return bad(secret_key.error());
  if (public_key_of(*secret_key) != *public_key) {
    return {ErrorCode::kBadConfig, path.string() + ": public and secret do not belong together"};
  }
  return KeyFile{*name, *public_key, std::move(secret_key).value()};
}

}  // namespace

Status write_key_file(const fs::path& path, const KeyFile& key) {
  if (Status named = check_agent_name(key.name); !named) return named;
  return create_file(path, encode_key_file(key).view(), 0600);
}

Result<KeyFile> load_key_file(const fs::path& path) {
  const Result<SecretText> text = read_small_file(path, FileUse::kSecret);
  if (!text) return text.error();
  Result<TomlDocument> document = parse_toml(text->view(), path);
  if (!document) {
    // The library's sentence may quote the text around the place, and with it the secret.
    return {ErrorCode::kBadConfig, path.string() + ": not the text of a key file"};
  }
  Result<KeyFile> key = read_document(*document, path);
  wipe_texts(*document);
  return key;
}

Status write_public_key_file(const fs::path& path, const PublicKey& key) {
  return create_file(path, key.z85() + "\n", 0644);
}

Result<PublicKey> load_public_key_file(const fs::path& path) {
  const Result<SecretText> read = read_small_file(path, FileUse::kTrusted);
  if (!read) return read.error();
  std::string_view text = read->view();
  if (text.ends_with('\n')) text.remove_suffix(1);
  Result<PublicKey> key = PublicKey::from_z85(text);
  if (!key) return {ErrorCode::kBadConfig, path.string() + ": " + key.error().context};
  return key;
}

}  // namespace capstan
