#!/usr/bin/env python3
"""The table says what happened."""

import contextlib
import io
import pathlib
import subprocess
import tempfile
import unittest

import prove


class ProveTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = prove.ROOT, prove.LOGS
        prove.ROOT = prove.LOGS = pathlib.Path(folder.name)
        self.addCleanup(lambda: setattr(prove, "ROOT", before[0]))
        self.addCleanup(lambda: setattr(prove, "LOGS", before[1]))

    def test_the_last_line_that_looks_like_it_closes(self):
        outcome = prove.Proof("p", "", "printf one\\ntwo\\nother\\n", closing="^two").run()
        self.assertEqual((outcome.fine, outcome.closing), (True, "two"))
        self.assertGreaterEqual(outcome.seconds, 0)

    def test_a_step_that_fails_ends_the_proof(self):
        outcome = prove.Proof("p", "", "echo first", "false", "echo third").run()
        self.assertEqual((outcome.fine, outcome.closing), (False, "$ false"))

    def test_a_command_that_is_missing_is_a_failure(self):
        outcome = prove.Proof("p", "", "./no/such/proof").run()
        self.assertFalse(outcome.fine)
        self.assertIn("No such file", outcome.closing)

    def test_success_without_a_closing_line_is_none(self):
        outcome = prove.Proof("p", "", "echo done", closing="clean").run()
        self.assertFalse(outcome.fine)
        self.assertIn("p.log", outcome.closing)

    def test_the_table_has_a_line_for_each(self):
        self.assertEqual(prove.table([prove.Outcome("a", True, 61.2, "clean"),
                                      prove.Outcome("long", False, 5, "lost 1")]),
                         ["a     ok           61 s  clean", "long  FAILED        5 s  lost 1"])

    def test_names_differ(self):
        self.assertEqual(len({proof.name for proof in prove.PROOFS}), len(prove.PROOFS))


class ResumeTest(unittest.TestCase):
    """In a repository of its own, whose proofs leave a line each time that they run."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "sources"
        self.root.mkdir()
        before = prove.ROOT, prove.LOGS
        self.addCleanup(lambda: setattr(prove, "ROOT", before[0]))
        self.addCleanup(lambda: setattr(prove, "LOGS", before[1]))
        prove.ROOT, prove.LOGS = self.root, self.root / "build"
        self.runs = pathlib.Path(folder.name) / "runs"
        self.runs.touch()
        (self.root / ".gitignore").write_text("build\n", encoding="utf-8")
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words],
                       cwd=self.root, check=True, stdout=subprocess.DEVNULL)

    def commit(self, text, name="source"):
        (self.root / name).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)

    def prove(self, closing, resume=True):
        """(exit code, how often it has run so far)"""
        proof = prove.Proof("p", "", "echo done", closing=closing, apart=("*.md",))
        proof.steps.insert(0, ["sh", "-c", f"echo run >> {self.runs}"])
        with contextlib.redirect_stdout(io.StringIO()):
            code = prove.prove([proof], resume)
        return code, len(self.runs.read_text(encoding="utf-8").split())

    def test_what_went_well_at_this_commit_is_not_run_again(self):
        self.assertEqual(self.prove("done", resume=False), (0, 1))
        self.assertEqual(self.prove("done"), (0, 1))
        self.assertEqual(self.prove("done", resume=False), (0, 2))

    def test_what_cannot_change_it_does_not_ask_for_it_again(self):
        self.assertEqual(self.prove("done"), (0, 1))
        self.commit("other words", "README.md")
        self.assertEqual(self.prove("done"), (0, 1))
        self.commit("other code", "source")
        self.assertEqual(self.prove("done"), (0, 2))

    def test_what_failed_is_run_again(self):
        self.assertEqual(self.prove("never"), (1, 1))
        self.assertEqual(self.prove("done"), (0, 2))

    def test_another_commit_and_a_change_are_proved_anew(self):
        self.assertEqual(self.prove("done"), (0, 1))
        self.commit("second")
        self.assertEqual(self.prove("done"), (0, 2))
        (self.root / "source").write_text("not committed", encoding="utf-8")
        self.assertEqual(self.prove("done"), (0, 3))
        self.assertEqual(self.prove("done"), (0, 4))


if __name__ == "__main__":
    unittest.main()
