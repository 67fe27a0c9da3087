#include "capstan/security/admission.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "temporary_folder.h"

namespace capstan {
namespace {

Admission admission_of(std::string name, std::vector<std::string> names) {
  return {std::move(name), generate_key_pair().public_key, std::move(names), Role::kAgent};
}

std::string text_of(std::string_view key, std::string_view names, std::string_view role) {
  return "public = '" + std::string(key) + "'\nnames = " + std::string(names) + "\nrole = '" +
         std::string(role) + "'\n";
}

TEST(AgentName, RefusesWhateverCouldLeaveItsFolderOrMisleadAReader) {
  for (const std::string_view name :
       {"",      ".",    "..",          "../bob",    "/bob", "bob/",  "a/b",
        "a\\b",  ".bob", "-bob",        "--all",     "bob ", " bob",  "bo b",
        "bob\n", "bob'", "bob\"",       "bob*",      "b?b",  "b[o]b", "böb",
        "bob:1", "b@b",  "bob.removed", "x.removed", "~bob", "$bob",  "b,b"}) {
    EXPECT_EQ(check_agent_name(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_FALSE(check_agent_name(std::string_view("bob\0", 4)).ok());
}

TEST(AgentName, RefusesEveryOctetOutsideItsAlphabet) {
  constexpr std::string_view kAlphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  for (unsigned code = 0; code < 256; ++code) {
    const char character = static_cast<char>(code);
    EXPECT_EQ(check_agent_name(std::string("a") + character).ok(),
              kAlphabet.find(character) != std::string_view::npos)
        << code;
  }
}

TEST(AgentName, HasOneToSixtyFourCharacters) {
  for (std::size_t length = 0; length <= 100; ++length) {
    EXPECT_EQ(check_agent_name(std::string(length, 'a')).ok(), length >= 1 && length <= 64);
    EXPECT_EQ(check_name_glob(std::string(length, '*')).ok(), length >= 1 && length <= 64);
  }
}

TEST(NameMatches, CoversTheWholeName) {
  EXPECT_FALSE(name_matches("bob", "bob2"));
  EXPECT_FALSE(name_matches("bob", "abob"));
  EXPECT_FALSE(name_matches("bob", "Bob"));
  EXPECT_FALSE(name_matches("bob", ""));
  EXPECT_FALSE(name_matches("worker-*", "worker"));
  EXPECT_FALSE(name_matches("worker-?", "worker-"));
  EXPECT_FALSE(name_matches("worker-?", "worker-10"));
  EXPECT_FALSE(name_matches("*-a-*", "x-b-y"));
  EXPECT_FALSE(name_matches("a.c", "abc"));
  EXPECT_FALSE(name_matches("", "a"));
  EXPECT_TRUE(name_matches("bob", "bob"));
  EXPECT_TRUE(name_matches("*", "bob"));
  EXPECT_TRUE(name_matches("worker-*", "worker-"));
  EXPECT_TRUE(name_matches("worker-*", "worker-10"));
  EXPECT_TRUE(name_matches("*-10", "worker-10"));
  EXPECT_TRUE(name_matches("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(name_matches("a**c", "ac"));
  EXPECT_TRUE(name_matches("??b", "bob"));
}

// Goal: the matcher and the definition of a glob agree.
// Method: every glob of up to five and every name of up to five characters over a tiny alphabet,
//         against the recursive definition.
bool matches_by_definition(std::string_view glob, std::string_view name) {
  if (glob.empty()) return name.empty();
  if (glob[0] == '*') {
    return matches_by_definition(glob.substr(1), name) ||
           (!name.empty() && matches_by_definition(glob, name.substr(1)));
  }
  return !name.empty() && (glob[0] == '?' || glob[0] == name[0]) &&
         matches_by_definition(glob.substr(1), name.substr(1));
}

std::vector<std::string> all_texts(std::string_view alphabet, std::size_t length_max) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == length_max) break;
    for (const char character : alphabet) texts.push_back(texts[i] + character);
  }
  return texts;
}

TEST(NameMatches, AgreesWithTheDefinitionOnEverySmallCase) {
  const auto names = all_texts("ab", 5);
  for (const std::string& glob : all_texts("ab*?", 5)) {
    for (const std::string& name : names) {
      ASSERT_EQ(name_matches(glob, name), matches_by_definition(glob, name)) << glob << ' ' << name;
    }
  }
}

TEST(NameMatches, ManyStarsDoNotTakeForEver) {
  std::string glob;
  for (int i = 0; i < 31; ++i) glob += "*a";
  EXPECT_FALSE(name_matches(glob + "*b", std::string(64, 'a')));
}

TEST(MayUse, NeverCoversWhatIsNoName) {
  const Admission all = admission_of("node", {"*"});
  EXPECT_TRUE(may_use(all, "bob"));
  for (const std::string_view name : {"", "../bob", ".bob", "bob*", "*", "bob.removed"}) {
    EXPECT_FALSE(may_use(all, name)) << name;
  }
  const Admission node = admission_of("node1", {"worker-*", "carol"});
  EXPECT_TRUE(may_use(node, "worker-1"));
  EXPECT_TRUE(may_use(node, "carol"));
  EXPECT_FALSE(may_use(node, "node1"));
  EXPECT_FALSE(may_use(node, "bob"));
}

TEST(WriteAdmission, RefusesBadNamesAndGlobsBeforeItTouchesTheDisk) {
  const TemporaryFolder folder;
  for (const Admission& bad :
       {admission_of("../bob", {"bob"}), admission_of("bob", {}), admission_of("bob", {"a/*"}),
        admission_of("bob", {"bob", ""}), admission_of("bob", {"x']"}), admission_of("*", {"*"}),
        admission_of("bob", std::vector<std::string>(kAdmissionNamesMax + 1, "bob"))}) {
    EXPECT_EQ(write_admission(folder.path(), bad).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(count_files(folder.path()), 0U);
}

TEST(LoadAdmissions, AMissingFolderIsNoEmptyList) {
  const TemporaryFolder folder;
  EXPECT_EQ(load_admissions(folder / "none").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(load_admissions(folder.path())->empty());
}

TEST(LoadAdmissions, AFolderOrFileThatOthersCanWriteIsRefused) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_admission(folder.path(), admission_of("bob", {"bob"})).ok());
  EXPECT_EQ(mode_of(folder / "bob"), 0644U);
  ASSERT_EQ(::chmod((folder / "bob").c_str(), 0664), 0);
  EXPECT_EQ(load_admissions(folder.path()).error().code, ErrorCode::kInsecureFile);
  ASSERT_EQ(::chmod((folder / "bob").c_str(), 0644), 0);
  EXPECT_TRUE(load_admissions(folder.path()).ok());
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  EXPECT_EQ(load_admissions(folder.path()).error().code, ErrorCode::kInsecureFile);
}

TEST(LoadAdmissions, EveryProblemOfEveryFileIsToldAtOnce) {
  const TemporaryFolder folder;
  const std::string key = generate_key_pair().public_key.z85();
  const std::string other = generate_key_pair().public_key.z85();
  const auto put = [&](std::string_view name, const std::string& text) {
    put_file(folder / name, text, 0644);
  };
  put("a-good", text_of(key, "['a']", "agent"));
  put("b-same-key", text_of(key, "['b']", "agent"));
  put("c-short-key", text_of(key.substr(1), "['c']", "agent"));
  put("d-role", text_of(other, "['d']", "root"));
  put("e-names", text_of(other, "'e'", "agent"));
  put("f-no-names", text_of(other, "[]", "agent"));
  put("g-glob", text_of(other, "['g/*']", "agent"));
  put("g-durability", text_of(other, "['g']", "agent") + "durability = 'eternal'\n");
  put("g-durability-number", text_of(other, "['g']", "agent") + "durability = 1\n");
  put("h-unknown", text_of(other, "['h']", "agent") + "rloe = 1\n");
  put("i-missing", "role = 'agent'\n");
  put("j-broken", "public = ");
  put("k space", text_of(other, "['k']", "agent"));
  std::filesystem::create_directory(folder / "l-folder");

  const auto loaded = load_admissions(folder.path());
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kBadConfig);
  const std::string& told = loaded.error().context;
  for (const std::string_view part :
       {"'a-good' and 'b-same-key' have the same key", "c-short-key: ", "d-role: 'role' must be",
        "e-names:2:9: 'names' must be a list", "f-no-names: 'names' must have 1 to 1024",
        "g-glob: a name or glob must",
        "g-durability: 'durability' must be 'synced', 'written' or 'memory'",
        "g-durability-number:4:", "'durability' must be 'synced', 'written' or 'memory'",
        "h-unknown:4:1: unknown key 'rloe'", "i-missing: 'public' is missing",
        "i-missing: 'names' is missing", "j-broken:1:", "k space: an agent's name must",
        "l-folder is not a file"}) {
    EXPECT_NE(told.find(part), std::string::npos) << part << "\n in \n" << told;
  }
}

TEST(LoadAdmissions, WhatIsWrittenIsWhatIsReadSortedByName) {
  const TemporaryFolder folder;
  Admission boss = admission_of("operator", {"operator"});
  boss.role = Role::kAdmin;
  const Admission node = admission_of("node1", {"worker-*", "carol", "?"});
  // The durability of mailboxes: said or not, it is read as it was written.
  std::vector<Admission> all{node, boss};
  for (const char* durability : {"synced", "written", "memory"}) {
    all.push_back(admission_of(std::string("x-") + durability, {"x"}));
    all.back().durability = durability;
    ASSERT_TRUE(write_admission(folder.path(), all.back()).ok());
  }
  std::sort(all.begin(), all.end(),
            [](const Admission& a, const Admission& b) { return a.name < b.name; });
  ASSERT_TRUE(write_admission(folder.path(), boss).ok());
  ASSERT_TRUE(write_admission(folder.path(), node).ok());
  put_file(folder / ".bob.x7Yz12", "left by a crash", 0600);
  EXPECT_EQ(load_admissions(folder.path()).value(), all);
}

TEST(RetireAdmission, ClosesTheDoorAndIsRememberedUntilForgotten) {
  const TemporaryFolder folder;
  const Admission bob = admission_of("bob", {"bob"});
  ASSERT_TRUE(write_admission(folder.path(), bob).ok());
  ASSERT_TRUE(write_admission(folder.path(), admission_of("carol", {"carol"})).ok());
  EXPECT_EQ(retire_admission(folder.path(), "dave", "dave").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(retire_admission(folder.path(), "../x", "bob").error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(retire_admission(folder.path(), "bob", "../x").error().code,
            ErrorCode::kInvalidArgument);
  ASSERT_TRUE(retire_admission(folder.path(), "bob", "bob").ok());
  ASSERT_TRUE(remove_admission(folder.path(), "carol").ok());
  EXPECT_TRUE(load_admissions(folder.path())->empty());
  EXPECT_EQ(load_retired(folder.path()).value(), std::vector<Admission>{bob});
  ASSERT_TRUE(forget_retired(folder.path(), "bob").ok());
  EXPECT_TRUE(load_retired(folder.path())->empty());
  EXPECT_EQ(forget_retired(folder.path(), "bob").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(remove_admission(folder.path(), "carol").error().code, ErrorCode::kNotFound);
}

TEST(RetireAdmission, ANoteThatIsNoneIsToldWithItsFile) {
  const TemporaryFolder folder;
  const Admission bob = admission_of("bob", {"bob"});
  ASSERT_TRUE(note_retired(folder.path(), bob).ok());
  EXPECT_EQ(load_retired(folder.path()).value(), std::vector<Admission>{bob});
  put_file(folder / "carol.removed", "this is no admission", 0644);
  const auto loaded = load_retired(folder.path());
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kBadConfig);
  EXPECT_NE(loaded.error().context.find("carol.removed"), std::string::npos);
}

}  // namespace
}  // namespace capstan
