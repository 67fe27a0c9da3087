// Small files that keys, admissions and configuration live in: written durably, read with a look at
// who else could have read or written them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "capstan/base/result.h"
#include "capstan/security/secret_text.h"

namespace capstan {

/// No key, admission or configuration file is larger.
inline constexpr std::size_t kSmallFileBytesMax = 1024 * 1024;

/// What a file is used for decides who else may have access to it.
enum class FileUse {
  kSecret,   ///< Nobody else reads or writes it; ours or root's.
  kTrusted,  ///< Everybody may read it; nobody else writes it; ours or root's.
  kPublic,   ///< Anything goes.
};

/// Whether a file of this mode and owner may be used so by `reader`.
///
/// Errors: kInsecureFile, with the command that repairs it.
[[nodiscard]] Status check_file_access(const std::filesystem::path& path, FileUse use, mode_t mode,
                                       uid_t owner, uid_t reader);

/// The whole text. Mode and owner are those of the opened file, so nobody can swap it in between.
///
/// Errors: kNotFound; kInsecureFile; kTooLarge: above kSmallFileBytesMax; kIo: everything else,
///         also when it is no regular file.
[[nodiscard]] Result<SecretText> read_small_file(const std::filesystem::path& path, FileUse use);

/// Makes a file that must not exist yet; when this returns ok, it survives power loss. A file that
/// could not be written whole is removed again.
///
/// Errors: kAlreadyExists; kIo.
[[nodiscard]] Status create_file(const std::filesystem::path& path, std::string_view text,
                                 mode_t mode);

/// Makes or replaces a file: after a crash there is the old text or the new one, never a mixture.
/// A name that begins with a dot in the same folder may be left behind by a crash.
///
/// Errors: kIo: the old text is still there.
[[nodiscard]] Status replace_file(const std::filesystem::path& path, std::string_view text,
                                  mode_t mode);

/// Makes one directory with exactly this mode, whatever the umask; its parent must exist.
///
/// Errors: kAlreadyExists; kIo.
[[nodiscard]] Status make_directory(const std::filesystem::path& path, mode_t mode);

/// Makes creations, renames and removals in `directory` survive power loss.
[[nodiscard]] Status sync_directory(const std::filesystem::path& directory);

/// Removes a file, durably. Errors: kNotFound; kIo.
[[nodiscard]] Status remove_file(const std::filesystem::path& path);

/// Renames within one folder, durably, replacing what is there. Errors: kNotFound; kIo.
[[nodiscard]] Status rename_file(const std::filesystem::path& from,
                                 const std::filesystem::path& to);

}  // namespace capstan
