#!/usr/bin/env python3
"""Every patch still fits the sources, and the check that it names exists. Builds nothing."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import patches


class PatchesTest(unittest.TestCase):
    def setUp(self):
        self.mutants = patches.all_mutants()

    def test_there_are_enough_of_them(self):
        self.assertGreaterEqual(len(self.mutants), 10)
        self.assertEqual(len({m.bug for m in self.mutants}), len(self.mutants))

    def test_each_one_still_applies_and_changes_what_it_names(self):
        for mutant in self.mutants:
            with self.subTest(mutant.name), tempfile.TemporaryDirectory() as folder:
                tree = pathlib.Path(folder) / "tree"
                for name in mutant.files:
                    (tree / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(patches.ROOT / name, tree / name)
                done = mutant.apply(tree, check=False)
                self.assertEqual(done.returncode, 0, f"refresh the patch: {done.stderr}")
                self.assertTrue(mutant.files)
                for name in mutant.files:
                    self.assertNotEqual((tree / name).read_bytes(),
                                        (patches.ROOT / name).read_bytes(), name)

    def test_each_one_names_a_check_that_exists(self):
        sources = "".join(path.read_text() for path in (patches.ROOT / "tests").rglob("*_test.cc"))
        lists = "".join(p.read_text() for p in (patches.ROOT / "tests").rglob("CMakeLists.txt"))
        for mutant in self.mutants:
            with self.subTest(mutant.name):
                kind, _, rest = mutant.killed_by.partition(": ")
                self.assertIn(kind, ("sim", "soak", "test"))
                if kind == "test" and patches.is_python(rest):
                    file, suite, name = rest.split(".")
                    path, = (patches.ROOT / "tests").rglob(f"{file}.py")
                    text = path.read_text().partition(f"class {suite}(")[2].partition("\nclass ")[0]
                    self.assertIn(f"    def {name}(self", text)
                    self.assertIn(path.name, lists)
                elif kind == "test":
                    target, suite, name = re.fullmatch(r"(\w+) (\w+)\.(\w+)", rest).groups()
                    self.assertRegex(sources, rf"\bTEST(_F)?\({suite}, {name}\)")
                    self.assertIn(f"add_executable({target}", lists)

    def test_a_patch_that_does_not_fit_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder) / "tree"
            mutant = self.mutants[0]
            (tree / mutant.files[0]).parent.mkdir(parents=True)
            (tree / mutant.files[0]).write_text("something else\n")
            with self.assertRaises(subprocess.CalledProcessError):
                mutant.apply(tree)


if __name__ == "__main__":
    unittest.main()
