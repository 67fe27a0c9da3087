// Keys on disk: one file per identity.
#pragma once

#include <filesystem>
#include <string>

#include "capstan/base/result.h"
#include "capstan/security/key.h"

namespace capstan {

/// An identity as it lies on disk.
///
/// Shape: TOML text with the keys name, public and secret; both keys in Z85 between single quotes,
///        which Z85 never needs inside.
struct KeyFile {
  std::string name;
  PublicKey public_key;
  SecretKey secret_key;
};

/// Makes the file with mode 0600, durably.
///
/// Errors: kAlreadyExists: a key is never overwritten; kInvalidArgument: the name; kIo.
[[nodiscard]] Status write_key_file(const std::filesystem::path& path, const KeyFile& key);

/// Errors: kNotFound; kInsecureFile: others can read or write it, or own it; kBadConfig: the text
///         is not a key file, or its two halves do not belong together; kIo. No error carries any
///         part of the secret.
[[nodiscard]] Result<KeyFile> load_key_file(const std::filesystem::path& path);

/// Makes a file that holds the Z85 text and a newline, mode 0644, durably.
///
/// Errors: kAlreadyExists; kIo.
[[nodiscard]] Status write_public_key_file(const std::filesystem::path& path, const PublicKey& key);

/// Errors: kNotFound; kInsecureFile: others can write it, so the hub could be anybody's;
///         kBadConfig; kIo.
[[nodiscard]] Result<PublicKey> load_public_key_file(const std::filesystem::path& path);

}  // namespace capstan
