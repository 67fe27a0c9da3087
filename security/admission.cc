#include "capstan/security/admission.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <system_error>
#include <utility>

#include "capstan/security/file.h"
#include "capstan/security/toml.h"
#include "flat_file.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kKnownKeys{"public", "names", "role", "durability"};
constexpr std::array<std::string_view, 3> kDurabilities{"synced", "written", "memory"};
constexpr std::string_view kDurabilityRule = "'synced', 'written' or 'memory'";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_glob_character(char c) { return is_name_character(c) || c == '*' || c == '?'; }

Error not_a_name(std::string_view what, std::string_view rule) {
  return {ErrorCode::kInvalidArgument, std::string(what) + " must " + std::string(rule)};
}

/// What names and globs have in common. The text is not repeated in the error before its characters
/// are known to be harmless.
Status check_text(std::string_view text, bool (*allowed)(char), std::string_view kind) {
  if (text.empty() || text.size() > kAgentNameLengthMax) {
    return not_a_name(kind, "have 1 to 64 characters");
  }
  if (!std::all_of(text.begin(), text.end(), allowed)) {
    return not_a_name(kind, allowed == is_name_character
                                ? "be made of letters, digits, '.', '_' and '-'"
                                : "be made of letters, digits, '.', '_', '-', '*' and '?'");
  }
  if (text.front() == '.' || text.front() == '-') {
    return not_a_name(in_quotes(text), "not begin with '.' or '-'");
  }
  return {};
}

std::string_view role_text(Role role) { return role == Role::kAdmin ? "admin" : "agent"; }

std::string encode_admission(const Admission& admission) {
  std::string text = "# A key that the hub admits, and the names that it may use.\n";
  text += "public = " + in_quotes(admission.key.z85()) + "\n";
  text += "names = [";
  for (std::size_t i = 0; i < admission.names.size(); ++i) {
    if (i != 0) text += ", ";
    text += in_quotes(admission.names[i]);
  }
  text += "]\n";
  text += "role = " + in_quotes(role_text(admission.role)) + "\n";
  if (!admission.durability.empty()) {
    text += "durability = " + in_quotes(admission.durability) + "\n";
  }
  return text;
}

Result<Admission> bad_file(const std::vector<std::string>& problems) {
  return {ErrorCode::kBadConfig, join_lines(problems)};
}

/// Empty where the file does not say it.
std::string read_durability(const TomlDocument& document, const fs::path& path,
                            std::vector<std::string>& problems) {
  const auto& entries = document.sections.front().entries;
  const bool said = std::any_of(entries.begin(), entries.end(),
                                [](const TomlEntry& entry) { return entry.key == "durability"; });
  if (!said) return {};
  const auto* text =
      require_value<std::string>(document, path, "durability", kDurabilityRule, problems);
  return text == nullptr ? std::string() : *text;
}

Result<Admission> read_admission(const fs::path& path, std::string name) {
  const Result<SecretText> text = read_small_file(path, FileUse::kTrusted);
  if (!text) return text.error();
  const Result<TomlDocument> document = parse_toml(text->view(), path);
  if (!document) return document.error();

  std::vector<std::string> problems = find_unknown_keys(*document, path, kKnownKeys);
  const auto* key_text =
      require_value<std::string>(*document, path, "public", "a key's 40 characters", problems);
  const auto* names = require_value<std::vector<std::string>>(*document, path, "names",
                                                              "a list of names", problems);
  const auto* role =
      require_value<std::string>(*document, path, "role", "'agent' or 'admin'", problems);
  if (role != nullptr && *role != "agent" && *role != "admin") {
    problems.push_back(path.string() + ": 'role' must be 'agent' or 'admin'");
  }
  const std::string durability = read_durability(*document, path, problems);
  if (!problems.empty()) return bad_file(problems);

  const Result<PublicKey> key = PublicKey::from_z85(*key_text);
  if (!key) return bad_file({path.string() + ": " + key.error().context});
  Admission admission{std::move(name), *key, *names, *role == "admin" ? Role::kAdmin : Role::kAgent,
                      durability};
  if (Status good = check_admission(admission); !good) {
    return bad_file({path.string() + ": " + good.error().context});
  }
  return admission;
}

Status check_folder(const fs::path& directory) {
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0) {
    const int number = errno;
    return {number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
            directory.string() + ": " + std::generic_category().message(number)};
  }
  return check_file_access(directory, FileUse::kTrusted, facts.st_mode, facts.st_uid, ::geteuid());
}

/// File names in the folder, sorted, without those that begin with a dot: temporary files of
/// replace_file(), and what mounts and editors leave.
Result<std::vector<std::string>> list_folder(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code failure;
  fs::directory_iterator each(directory, failure);
  for (; !failure && each != fs::directory_iterator(); each.increment(failure)) {
    std::string name = each->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (failure) {
    return {failure == std::errc::no_such_file_or_directory ? ErrorCode::kNotFound : ErrorCode::kIo,
            directory.string() + ": " + failure.message()};
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path retired_file(const fs::path& directory, std::string_view name) {
  return directory / (std::string(name) + std::string(kRetiredSuffix));
}

}  // namespace

Status check_agent_name(std::string_view name) {
  if (Status good = check_text(name, is_name_character, "an agent's name"); !good) return good;
  if (name.ends_with(kRetiredSuffix)) {
    return not_a_name(in_quotes(name), "not end in '.removed'");
  }
  return {};
}

Status check_name_glob(std::string_view glob) {
  return check_text(glob, is_glob_character, "a name or glob");
}

Status check_admission(const Admission& admission) {
  if (Status good = check_agent_name(admission.name); !good) return good;
  if (admission.names.empty() || admission.names.size() > kAdmissionNamesMax) {
    return not_a_name("'names'", "have 1 to 1024 entries");
  }
  for (const std::string& glob : admission.names) {
    if (Status good = check_name_glob(glob); !good) return good;
  }
  const std::string& durability = admission.durability;
  const bool known =
      std::find(kDurabilities.begin(), kDurabilities.end(), durability) != kDurabilities.end();
  if (!durability.empty() && !known) {
    return not_a_name("'durability'", "be " + std::string(kDurabilityRule));
  }
  return {};
}

bool name_matches(std::string_view glob, std::string_view name) {
  // Greedy with one way back: a later '*' makes every earlier one's choice final, so the last one
  // alone is ever tried again.
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t g = 0;
  std::size_t n = 0;
  std::size_t star = kNone;  // Place of the last '*' in the glob.
  std::size_t star_end = 0;  // End of what it stands for.
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_end = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g;
      ++n;
    } else if (star != kNone) {
      g = star + 1;
      n = ++star_end;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == kNone;
}

bool may_use(const Admission& admission, std::string_view name) {
  if (!check_agent_name(name)) return false;
  return std::any_of(admission.names.begin(), admission.names.end(),
                     [&](const std::string& glob) { return name_matches(glob, name); });
}

Status write_admission(const fs::path& directory, const Admission& admission) {
  if (Status good = check_admission(admission); !good) return good;
  return replace_file(directory / admission.name, encode_admission(admission), 0644);
}

Result<std::vector<Admission>> load_admissions(const fs::path& directory) {
  if (Status folder = check_folder(directory); !folder) return folder.error();
  const Result<std::vector<std::string>> names = list_folder(directory);
  if (!names) return names.error();

  std::vector<Admission> admissions;
  std::vector<std::string> problems;
  bool only_insecure = true;
  for (const std::string& name : *names) {
    if (name.ends_with(kRetiredSuffix)) continue;
    Result<Admission> admission = read_admission(directory / name, name);
    if (admission) {
      admissions.push_back(std::move(admission).value());
      continue;
    }
    only_insecure = only_insecure && admission.error().code == ErrorCode::kInsecureFile;
    problems.push_back(admission.error().context);
  }
  for (std::string& duplicate : find_duplicates(admissions)) {
    only_insecure = false;
    problems.push_back(directory.string() + ": " + std::move(duplicate));
  }
  if (problems.empty()) return admissions;
  return {only_insecure ? ErrorCode::kInsecureFile : ErrorCode::kBadConfig, join_lines(problems)};
}

std::vector<std::string> find_duplicates(const std::vector<Admission>& admissions) {
  std::vector<std::string> problems;
  std::map<PublicKey, std::string_view> by_key;
  std::map<std::string_view, std::size_t> by_name;
  for (const Admission& admission : admissions) {
    if (++by_name[admission.name] == 2) {
      problems.push_back(in_quotes(admission.name) + " is admitted twice");
    }
    const auto [first, is_new] = by_key.emplace(admission.key, admission.name);
    if (is_new || first->second == admission.name) continue;
    problems.push_back(in_quotes(first->second) + " and " + in_quotes(admission.name) +
                       " have the same key");
  }
  return problems;
}

Status remove_admission(const fs::path& directory, std::string_view name) {
  if (Status good = check_agent_name(name); !good) return good;
  return remove_file(directory / name);
}

Status retire_admission(const fs::path& directory, std::string_view key, std::string_view agent) {
  if (Status good = check_agent_name(key); !good) return good;
  if (Status good = check_agent_name(agent); !good) return good;
  return rename_file(directory / key, retired_file(directory, agent));
}

Status note_retired(const fs::path& directory, const Admission& retired) {
  if (Status good = check_admission(retired); !good) return good;
  return replace_file(retired_file(directory, retired.name), encode_admission(retired), 0644);
}

Result<std::vector<Admission>> load_retired(const fs::path& directory) {
  const Result<std::vector<std::string>> names = list_folder(directory);
  if (!names) return names.error();
  std::vector<Admission> retired;
  std::vector<std::string> problems;
  for (const std::string& file : *names) {
    if (!file.ends_with(kRetiredSuffix)) continue;
    Result<Admission> admission =
        read_admission(directory / file, file.substr(0, file.size() - kRetiredSuffix.size()));
    if (admission) {
      retired.push_back(std::move(admission).value());
    } else {
      problems.push_back(admission.error().context);
    }
  }
  if (!problems.empty()) return bad_file(problems).error();
  return retired;
}

Status forget_retired(const fs::path& directory, std::string_view name) {
  if (Status good = check_agent_name(name); !good) return good;
  return remove_file(retired_file(directory, name));
}

}  // namespace capstan
