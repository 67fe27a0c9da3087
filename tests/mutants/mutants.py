#!/usr/bin/env python3
"""Applies deliberate bugs to a copy of the sources, one at a time, and runs the check that must
notice each. The copy is build/mutants/tree and stays, so that only what changed is compiled again.

A mutant is killed when its check passes without it and fails with it. A mutant that survives is a
finding about the tests.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import patches

TREE = patches.ROOT / "build" / "mutants" / "tree"
BIN = TREE / "build" / "bin"
CHECK_TIMEOUT_S = 600
# Of GoogleTest and of unittest.
RAN_ONE_TEST = re.compile(r"\[  PASSED  \] 1 test|^Ran 1 test ", re.M)


class Check:
    """What a `Killed-by` line names: targets to build, a command, and how its failure looks."""

    def __init__(self, killed_by):
        kind, _, rest = killed_by.partition(": ")
        self.name = killed_by
        if kind == "sim":
            self.targets = ["capstan_sim"]
            self.command = [BIN / "capstan_sim", "--seeds", "60"]
            self.signs = ("VIOLATED", "aborted in seed")
        elif kind == "soak":
            self.targets = ["capstand", "capstan", "example_exactly_once"]
            self.command = [sys.executable, "-B", TREE / "tests/soak/soak.py", "--kills", "15",
                            "--seed", "1", "--bin", BIN]
            self.signs = ("WRONG", "soak: ")
        elif patches.is_python(rest):
            file, _, test = rest.partition(".")
            self.targets = ["capstand", "capstan"]
            self.command = [sys.executable, "-B", next((TREE / "tests").rglob(f"{file}.py")), test]
            self.signs = ("FAIL: ", "ERROR: ")
        else:
            target, test = rest.split()
            self.targets = [target]
            self.command = [BIN / target, f"--gtest_filter={test}"]
            self.signs = ("[  FAILED  ]", "CAPSTAN_CHECK")

    def run(self):
        """(passed, the line that says why not); a check that says nothing clear raises."""
        done = subprocess.run(self.command, capture_output=True, text=True, check=False,
                              errors="replace", timeout=CHECK_TIMEOUT_S,
                              env=dict(os.environ, CAPSTAN_BIN=str(BIN)))
        output = done.stdout + done.stderr
        if done.returncode == 0:
            if self.name.startswith("test") and not RAN_ONE_TEST.search(output):
                raise RuntimeError(f"{self.name} runs no test")
            return True, ""
        for line in output.splitlines():
            if any(sign in line for sign in self.signs):
                return False, line.strip()
        raise RuntimeError(f"{self.name} ended with {done.returncode}: {output[-500:]}")


def sources():
    listed = subprocess.run(["git", "-C", str(patches.ROOT), "ls-files", "-z", "--cached",
                             "--others", "--exclude-standard", "--deduplicate"],
                            check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in listed if name and (patches.ROOT / name).is_file()]


def copy_if_other(source, target):
    """Leaves an equal file alone, so that nothing is compiled again for it."""
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copymode(source, target)


def refresh_tree():
    names = set(sources())
    for name in names:
        copy_if_other(patches.ROOT / name, TREE / name)
    for folder, folders, files in os.walk(TREE):
        folders[:] = [f for f in folders if f != "build"]
        for file in files:
            path = pathlib.Path(folder) / file
            if str(path.relative_to(TREE)) not in names:
                path.unlink()


def build(targets):
    """The compiler's words when it fails; empty otherwise."""
    done = subprocess.run([TREE / "dev", "--yes", "build", *sorted(set(targets))],
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:]


def judge(mutant, check):
    """(verdict, why) of one mutant; the tree is as before when this returns."""
    mutant.apply(TREE)
    try:
        broken = build(check.targets)
        if broken:
            return "BROKEN", broken
        passed, why = check.run()
        return ("SURVIVED", f"{check.name} passes with it") if passed else ("killed", why)
    finally:
        for name in mutant.files:
            copy_if_other(patches.ROOT / name, TREE / name)


def check_without_mutants(checks):
    """What is wrong with checks that fail before anything is changed; empty when they pass."""
    broken = build(target for check in checks.values() for target in check.targets)
    if broken:
        return broken
    for check in checks.values():
        passed, why = check.run()
        if not passed:
            return f"{check.name} fails without any mutant: {why}"
    return ""


def run(mutants):
    refresh_tree()
    checks = {m.killed_by: Check(m.killed_by) for m in mutants}
    print(f"{len(mutants)} mutants, {len(checks)} checks; first the checks without mutants",
          flush=True)
    wrong = check_without_mutants(checks)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    alive = []
    for mutant in mutants:
        began = time.monotonic()
        verdict, why = judge(mutant, checks[mutant.killed_by])
        if verdict != "killed":
            alive.append(mutant.name)
        print(f"{verdict:8} {mutant.name} ({time.monotonic() - began:.0f} s): {mutant.bug}\n"
              f"         {why}", flush=True)
    print(f"killed {len(mutants) - len(alive)} of {len(mutants)}"
          + (f"; alive: {', '.join(alive)}" if alive else ""))
    return 1 if alive else 0


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", action="store_true", help="all of them")
    parser.add_argument("--mutant", action="append", default=[], metavar="NAME",
                        help="this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="names, bugs and checks")
    options = parser.parse_args()
    known = {mutant.name: mutant for mutant in patches.all_mutants()}
    if options.list:
        for mutant in known.values():
            print(f"{mutant.name}: {mutant.bug} [{mutant.killed_by}]")
        return 0
    strangers = [name for name in options.mutant if name not in known]
    if strangers:
        parser.error(f"no such mutant: {', '.join(strangers)}; there are {', '.join(known)}")
    return run([m for m in known.values() if options.mutants or m.name in options.mutant])


if __name__ == "__main__":
    sys.exit(main())
