"""The patches of this folder: each one a deliberate bug, and the check that must notice it."""

import os
import pathlib
import re
import subprocess

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parents[1]


class Mutant:
    """NAME.patch: `Bug: …`, `Killed-by: sim` or `soak` or `test: TARGET SUITE.TEST`, of a Python
    test `test: FILE.CLASS.TEST`, and a diff."""

    def __init__(self, path):
        self.name = path.stem
        self.path = path
        text = path.read_text()
        head = dict(re.findall(r"^([A-Z][a-z-]+): (.+)$", text.partition("\n--- ")[0], re.M))
        self.bug = head["Bug"]
        self.killed_by = head["Killed-by"]
        self.files = re.findall(r"^\+\+\+ b/(\S+)$", text, re.M)

    def apply(self, tree, check=True):
        """Changes the files below `tree`; where they have moved a little, the patch follows."""
        # Nothing above `tree` is taken for its repository: paths are relative to it.
        environment = dict(os.environ, GIT_CEILING_DIRECTORIES=str(pathlib.Path(tree).parent))
        return subprocess.run(["git", "apply", "--recount", "-C1", str(self.path)], cwd=tree,
                              env=environment, capture_output=True, text=True, check=check)


def is_python(test):
    """What stands behind `test: `: GoogleTests are named with their target before them."""
    return " " not in test


def all_mutants():
    return [Mutant(path) for path in sorted(FOLDER.glob("*.patch"))]
