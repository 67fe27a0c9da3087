"""The rules that a script can check. Each is a function from a Tree to findings (place, text)."""

import os
import re
import subprocess

import cmake_lists
import proofs

CPP = (".cc", ".h")
# Sources of others, kept as they came: our rules are not for them.
THIRD_PARTY = "bench/third_party/hdr_histogram/"
THIRD_PARTY_FOLDER = re.compile(r"bench/third_party/\w+(?=/)")
TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "NOTICE", "README.md", "dev",
    "bench", "broker", "client", "codec", "configs", "journal", "security", "tests",
}

# Test folders that mirror no source folder: what they test is the whole.
TESTS_OF_THE_WHOLE = {"support", "sim", "integration", "vectors", "tidy", "fresh", "install", "fuzz",
                      "soak", "mutants", "prove"}

# Tests that have no source file of their own name, and why.
TESTS_WITHOUT_SOURCE = {
    "tests/broker/core/admit_repetition_test.cc": "the part of admit_test.cc about repetitions",
    "tests/broker/core/allocations_test.cc": "all stages together, in a program of its own",
    "tests/broker/core/deliver_from_disk_test.cc": "the part of deliver_test.cc about reads",
    "tests/broker/damage_test.cc": "journal, recovery and core together",
    "tests/client/posting_window_test.cc": "the part of posting_test.cc about the send window",
    "tests/journal/recovery_crash_test.cc": "the part of recovery_test.cc in which the power goes",
    "tests/journal/recovery_state_test.cc": "the part of recovery_test.cc about the state",
    "tests/journal/version_test.cc": "block, state and recovery together",
}

# Part → the parts it may include from, itself aside. The longest path prefix names a file's part.
ALLOWED = {
    "codec/base": set(),
    "codec": {"codec/base"},
    "journal": {"codec/base"},
    "security": {"codec/base"},
    "broker/core": {"codec", "codec/base", "security"},
    # The client is here for the command line tool alone.
    "broker": {"broker/core", "client", "codec", "codec/base", "journal", "security"},
    "client": {"codec", "codec/base", "security"},
    # Its offline tools read a journal as a start of the hub does.
    "client/cli": {"broker", "broker/core", "client", "codec", "codec/base", "journal",
                   "security"},
    # LocalLink is a target of its own: the one place outside the broker that holds a core.
    "client/local": {"broker/core", "client", "codec", "codec/base", "journal", "security"},
    "bench": None,  # anything
    "tests": None,
}
# Whose `capstan/NAME/` is, where the header itself is not in the tree.
PUBLIC = {
    "base": "codec/base", "codec": "codec", "journal": "journal", "security": "security",
    "core": "broker/core", "broker": "broker", "client": "client",
}

# Library headers → the parts that may include them; never from a public header.
LIBRARIES = {
    r"zmq(_addon)?\.h(pp)?$": {"broker", "client", "client/local", "bench", "tests"},
    r"leveldb/": {"journal", "bench", "tests"},
    r"sodium(\.h$|/)": {"security", "bench", "tests"},
}
# What would make the core something other than a function of its inputs.
NOT_IN_CORE = (r"(thread|chrono|mutex|shared_mutex|condition_variable|future|semaphore|atomic|latch|"
               r"barrier|fstream|filesystem|ctime|time\.h|unistd\.h|poll\.h|pthread\.h|sys/.*)$")

LINES_MAX = 500
COLUMNS_MAX = 100
EXAMPLE_LINES_MAX = 40


def listed_by_git(root):
    """Tracked and new files of a clone; None elsewhere."""
    if not os.path.exists(os.path.join(root, ".git")):
        return None
    # A clone that belongs to somebody else (a mounted checkout) is read all the same.
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached",
               "--others", "--exclude-standard", "--deduplicate"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return [name for name in names if name and os.path.isfile(os.path.join(root, name))]


def listed_by_walk(root):
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", ".git", "__pycache__")]
        names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return names


class Tree:
    """The project's files as relative paths with forward slashes, read once."""

    def __init__(self, root):
        self.root = root
        listed = listed_by_git(root)
        ours = listed_by_walk(root) if listed is None else listed
        self.files = sorted(f for f in ours if not f.startswith(THIRD_PARTY))
        # Folders with the sources of others.
        self.third_party = sorted({m.group() for m in map(THIRD_PARTY_FOLDER.match, ours) if m})
        self.known = set(self.files)
        self.texts = {}

    def text(self, path):
        """The content; empty for what is not text."""
        if path not in self.texts:
            with open(os.path.join(self.root, path), "rb") as file:
                raw = file.read()
            self.texts[path] = "" if b"\0" in raw else raw.decode("utf-8", "replace")
        return self.texts[path]

    def lines(self, path):
        return enumerate(self.text(path).split("\n"), 1)

    def ending(self, *endings):
        return [path for path in self.files if path.endswith(endings)]

    def cmake_lists(self):
        return [p for p in self.files if os.path.basename(p) == "CMakeLists.txt"]


def code_of(path, line):
    """The line without its comment (a `//` in a string is cut too, which no rule here minds)."""
    return re.sub(r"//.*" if path.endswith(CPP) else r"#.*", "", line)


def is_script(tree, path):
    return path.endswith((".py", ".sh")) or tree.text(path).startswith("#!")


def find_lines(tree, paths, pattern, text, code_only=True):
    for path in paths:
        for number, line in tree.lines(path):
            if re.search(pattern, code_of(path, line) if code_only else line):
                yield f"{path}:{number}", text


def part_of(path):
    """The part that a file belongs to; None for what is in no part (scripts, documents)."""
    parts = [part for part in ALLOWED if path.startswith(part + "/")]
    return max(parts, key=len, default=None)


def is_public(path):
    return "/include/capstan/" in path


# ---- Rules about text ----

def top_level_is_given(tree):
    for name in sorted({path.split("/")[0] for path in tree.files}):
        if not name.startswith(".") and name not in TOP_LEVEL:
            yield name, "is none of the top-level names that the design gives"


def no_glob_in_cmake(tree):
    lists = tree.cmake_lists() + tree.ending(".cmake")
    yield from find_lines(tree, lists, r"(?i)\bfile\s*\(\s*GLOB", "file(GLOB): name the files")


def headers_have_pragma_once(tree):
    for path in tree.ending(".h"):
        if not re.search(r"^#pragma once$", tree.text(path), re.M):
            yield path, "header without #pragma once"


def headers_open_no_namespace(tree):
    yield from find_lines(tree, tree.ending(".h"), r"\busing\s+namespace\b",
                          "using namespace in a header reaches everybody who includes it")


def tests_do_not_sleep(tree):
    tests = [p for p in tree.files if p.startswith("tests/") and not p.startswith("tests/tidy/")]
    cpp = [p for p in tests if p.endswith(CPP)]
    scripts = [p for p in tests if is_script(tree, p)]
    text = "a test that sleeps is slow or wrong: wait for the event itself"
    yield from find_lines(tree, cpp, r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", text)
    yield from find_lines(tree, scripts, r"\bsleep\s*\(|(^|[;&|]|\bdo)\s*sleep\s+[\d$\"]", text)


def no_tests_are_skipped(tree):
    tests = [p for p in tree.files if p.startswith("tests/") and not p.startswith("tests/tidy/")]
    text = "a skipped test proves nothing"
    yield from find_lines(tree, [p for p in tests if p.endswith(CPP)],
                          r"\bGTEST_SKIP\b|\bDISABLED_|^\s*#\s*if\s+0\b", text)
    yield from find_lines(tree, [p for p in tests if p.endswith(".py")],
                          r"@(unittest\.)?skip|\bskipTest\b|\bSkipTest\b|\bexpectedFailure\b",
                          text)
    yield from find_lines(tree, [p for p in tests if p.endswith("CMakeLists.txt")],
                          r"\bDISABLED\b|\bSKIP_RE(TURN_CODE|GULAR_EXPRESSION)\b",
                          text)


def nothing_is_left_for_later(tree):
    code = [p for p in tree.files
            if (p.endswith(CPP + ("CMakeLists.txt", ".json", ".toml")) or is_script(tree, p))
            and not p.startswith("tests/tidy/")]
    yield from find_lines(tree, code, r"\b(TODO|FIXME|XXX)\b", "file an issue instead",
                          code_only=False)


def cpp_lines_fit(tree):
    for path in tree.ending(*CPP):
        for number, line in tree.lines(path):
            if len(line) > COLUMNS_MAX:
                yield f"{path}:{number}", f"{len(line)} columns; {COLUMNS_MAX} are allowed"


def cpp_files_are_short(tree):
    for path in tree.ending(*CPP):
        count = tree.text(path).count("\n")
        if count > LINES_MAX:
            yield path, f"{count} lines: more than {LINES_MAX} is more than one responsibility"


def examples_are_short(tree):
    for path in tree.ending(".cc"):
        count = tree.text(path).count("\n")
        if path.startswith("client/examples/") and count > EXAMPLE_LINES_MAX:
            yield path, f"{count} lines; an example has at most {EXAMPLE_LINES_MAX}"


def sources_of_others_are_named(tree):
    for folder in tree.third_party:
        if "NOTICE" not in tree.known or folder not in tree.text("NOTICE"):
            yield folder, "sources of others that NOTICE does not name"


def no_machine_is_named(tree):
    pattern = r"(^|[\s\"'`=(:])/(work|home|root|Users)/\w|\.\./shared\b|\.library/"
    paths = [p for p in tree.files if not p.startswith("tests/tidy/")]
    yield from find_lines(tree, paths, pattern, "names a place on somebody's machine",
                          code_only=False)


# ---- Rules about the tree ----

def named_in_cmake(tree):
    """Every .cc path that a build from the root names."""
    return {cmake_lists.path_of(folder, word)
            for folder, _, words in cmake_lists.built(tree) for word in words
            if word.endswith(".cc")}


def every_source_is_built(tree):
    named = named_in_cmake(tree)
    for path in tree.ending(".cc"):
        if path not in named:
            kind = "a test" if path.endswith("_test.cc") else "a source"
            yield path, f"{kind} that no CMakeLists.txt names"


def tests_mirror_sources(tree):
    for path in tree.ending("_test.cc"):
        if not path.startswith("tests/") or path in TESTS_WITHOUT_SOURCE:
            continue
        folder, name = os.path.split(path[len("tests/"):])
        if folder.split("/")[0] in TESTS_OF_THE_WHOLE:
            continue
        stem = name[:-len("_test.cc")]
        public = re.compile(re.escape(folder) + r"/include/capstan/\w+/" + re.escape(stem) + r"\.h")
        if not ({f"{folder}/{stem}.cc", f"{folder}/{stem}.h"} & tree.known
                or any(public.fullmatch(p) for p in tree.files)):
            yield path, f"tests no source: neither {folder}/{stem}.cc nor a header {stem}.h"
    for path in TESTS_WITHOUT_SOURCE:
        if path not in tree.known and tree.files and "tests/tidy/rules.py" in tree.known:
            yield path, "is on the list of tests without a source, but does not exist"


def target_part(tree, path, included):
    """The part of an own header that `path` includes; None when it is no own header."""
    match = re.match(r"capstan/(\w+)/", included)
    if match:
        homes = [p for p in tree.known if p.endswith("/include/" + included)]
        return part_of(homes[0]) if homes else PUBLIC.get(match.group(1), "an unknown part")
    beside = os.path.normpath(os.path.join(os.path.dirname(path), included))
    for candidate in (beside, included):
        if candidate in tree.known:
            return part_of(candidate)
    return None


def includes(tree, path):
    for number, line in tree.lines(path):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def dependencies_point_down(tree):
    for path in tree.ending(*CPP):
        part = part_of(path)
        if part is None:
            continue
        for number, included in includes(tree, path):
            place = f"{path}:{number}"
            target = target_part(tree, path, included)
            allowed = ALLOWED[part]
            if target is not None and allowed is not None and target != part \
                    and target not in allowed:
                yield place, f"{part} must not depend on {target} ({included})"
            for pattern, users in LIBRARIES.items():
                if target is None and re.match(pattern, included):
                    if part not in users:
                        yield place, f"{part} must not include {included}"
                    elif is_public(path):
                        yield place, f"{included} is private; a public header hides it"
            if part == "broker/core" and target is None and re.match(NOT_IN_CORE, included):
                yield place, f"the core is a function of its inputs: no <{included}>"


# ---- Rules about the READMEs ----

def table_words(tree):
    """Every `word` in a table of a README: (place, folder, word)."""
    for path in tree.files:
        if os.path.basename(path) != "README.md":
            continue
        for number, line in tree.lines(path):
            if line.lstrip().startswith("|"):
                for word in re.findall(r"`([^`\s]+)`", line):
                    yield f"{path}:{number}", os.path.dirname(path), word


def files_in_readme_tables_exist(tree):
    for place, folder, word in table_words(tree):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*\.(cc|h|md|py|toml|sh|patch)", word):
            continue
        first = word.split("/")[0]
        generated = first == "build" or (first.isupper() and "/" in word)
        bare_config = "/" not in word and word.endswith((".toml", ".sh"))
        if generated or bare_config:
            continue
        if not {word, os.path.normpath(os.path.join(folder, word))} & tree.known:
            yield place, f"names {word}, which does not exist"


def every_test_is_run(tree):
    yield from proofs.tests_that_nothing_runs(tree)


def proofs_in_documents_exist(tree):
    yield from proofs.proofs_that_do_not_exist(tree)


RULES = [
    top_level_is_given,
    no_glob_in_cmake,
    headers_have_pragma_once,
    headers_open_no_namespace,
    tests_do_not_sleep,
    no_tests_are_skipped,
    nothing_is_left_for_later,
    cpp_lines_fit,
    cpp_files_are_short,
    examples_are_short,
    sources_of_others_are_named,
    no_machine_is_named,
    every_source_is_built,
    tests_mirror_sources,
    dependencies_point_down,
    files_in_readme_tables_exist,
    every_test_is_run,
    proofs_in_documents_exist,
]


def findings(root):
    tree = Tree(root)
    return [(rule.__name__, place, text) for rule in RULES for place, text in rule(tree)]
