"""Which tests a build runs, and whether the documents name tests and rows that there are.

A table whose last column is called `proof` says what proves each of its rows:

    Suite.Name                 GoogleTest
    some_test.Class.test_name  a Python test: file, class, method
    name                       what add_test calls NAME
    mutants: NAME              a deliberate bug that the tests have to notice
    bench: WORKLOAD SYSTEM     a row of ./dev bench
    micro: NAME                a row of capstan_micro
    prove: NAME                a part of ./dev prove
"""

import ast
import fnmatch
import os
import re

import cmake_lists

TEST = re.compile(r"^\s*TEST(?:_[FP])?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
# What can only be the name of a test, wherever a document has it; `Suite.*` stands for several.
LOOKS_LIKE_A_TEST = re.compile(r"[A-Z]\w+\.([A-Z]\w+\*?|\*)|\w+_test\.\w+\.test_\w+")


class Proofs:
    """All names of proofs, and the test files that nothing runs."""

    def __init__(self, tree):
        self.names = set()
        self.run_sources = set()  # C++ sources whose tests are run
        self.run_classes = set()  # (path, class) of Python tests that are run
        sources, discovered = {}, set()
        for folder, command, words in cmake_lists.built(tree):
            if command in ("add_executable", "target_sources"):
                sources.setdefault(words[0], set()).update(
                    cmake_lists.path_of(folder, word) for word in words[1:])
            elif command == "gtest_discover_tests":
                discovered.add(words[0])
            elif command == "add_test" and words[0] == "NAME":
                self.names.add(words[1])
                self._add_script(tree, folder, words)
        for target in discovered:
            self.run_sources |= {p for p in sources.get(target, ()) if p in tree.known}
        for path in self.run_sources:
            self.names |= set(tests_of(tree, path))
        self._add_rows(tree)

    def _add_script(self, tree, folder, words):
        """A Python file; words behind it that look like classes are the only ones that run."""
        for place, word in enumerate(words):
            path = cmake_lists.path_of(folder, word)
            if not path.endswith(".py") or path not in tree.known:
                continue
            classes = python_tests_of(tree, path)
            chosen = [w for w in words[place + 1:] if re.fullmatch(r"[A-Z][a-z]\w*", w)]
            stem = os.path.basename(path)[:-len(".py")]
            for name in chosen or classes:
                self.run_classes.add((path, name))
                self.names |= {f"{stem}.{name}.{test}" for test in classes.get(name, ())}

    def _add_rows(self, tree):
        for path in tree.files:
            mutant = re.fullmatch(r"tests/mutants/(\w+)\.patch", path)
            if mutant:
                self.names.add(f"mutants: {mutant[1]}")
        self.names |= {f"prove: {name}" for name in
                       re.findall(r'\bProof\("(\w+)"', text_of(tree, "tests/prove/prove.py"))}
        # What is measured: contestants of the first workload, and the hub alone in the others.
        suite = text_of(tree, "bench/suite.cc")
        systems = set(re.findall(r'(?:Contestant \w+|push_back\()\{"(\w+)"', suite))
        self.names |= {f"bench: one_to_one {system}" for system in systems}
        self.names |= {f"bench: {workload} capstan" for workload in
                       re.findall(r'\bWorkload\{"(\w+)"', suite)}
        for path in (p for p in tree.ending(".cc") if p.startswith("bench/")):
            self.names |= {f"micro: {name}" for name in
                           re.findall(r"^BENCHMARK\((\w+)\)", tree.text(path), re.M)}

    def has(self, name):
        return name in self.names or ("*" in name and bool(fnmatch.filter(self.names, name)))


def text_of(tree, path):
    return tree.text(path) if path in tree.known else ""


def tests_of(tree, path):
    """The GoogleTest names of a source."""
    return [f"{suite}.{name}" for suite, name in TEST.findall(tree.text(path))]


def python_tests_of(tree, path):
    """class → its test methods."""
    classes = {}
    for node in ast.parse(tree.text(path)).body:
        if isinstance(node, ast.ClassDef):
            tests = [m.name for m in node.body
                     if isinstance(m, ast.FunctionDef) and m.name.startswith("test_")]
            if tests:
                classes[node.name] = tests
    return classes


def tests_that_nothing_runs(tree):
    proofs = Proofs(tree)
    for path in tree.ending("_test.cc"):
        if tests_of(tree, path) and path not in proofs.run_sources:
            yield path, "no gtest_discover_tests() runs these tests"
    for path in tree.ending("_test.py"):
        for name in python_tests_of(tree, path):
            if (path, name) not in proofs.run_classes:
                yield path, f"no add_test() runs {name}"


def proof_cells(tree, path):
    """(line number, last cell) of each row of the tables whose last column is called `proof`."""
    inside = False
    for number, line in tree.lines(path):
        if not line.startswith("|"):
            inside = False
            continue
        last = line.rstrip().rstrip("|").rpartition("|")[2].strip()
        if inside and not re.fullmatch(r":?-+:?", last):
            yield number, last
        inside = inside or last == "proof"


def proofs_that_do_not_exist(tree):
    proofs = Proofs(tree)
    for path in tree.ending(".md"):
        named = []
        for number, cell in proof_cells(tree, path):
            spans = re.findall(r"`([^`]+)`", cell)
            named += [(number, span) for span in spans]
            if not spans:
                yield f"{path}:{number}", "a promise without its proof"
        cells = {number for number, _ in named}
        for number, line in tree.lines(path):
            if number not in cells:
                named += [(number, span) for span in re.findall(r"`([^`\s]+)`", line)
                          if LOOKS_LIKE_A_TEST.fullmatch(span)]
        for number, span in named:
            if not proofs.has(span):
                yield f"{path}:{number}", f"names {span}, which no build has or runs"
