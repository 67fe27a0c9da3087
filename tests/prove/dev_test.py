#!/usr/bin/env python3
"""How ./dev installs what is missing: when it asks, whom it asks for root's rights, and where
--yes may stand. Every program that it would call is replaced by one that writes down its call."""

import os
import pathlib
import pty
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = {
    "dpkg-query": "exit 1",  # nothing is installed
    "sudo": 'echo "sudo $*" >> "$CALLS"; exec "$@"',
    "apt-get": 'echo "apt-get" >> "$CALLS"',
    "cmake": 'echo "cmake $1" >> "$CALLS"',
}
NOBODY = 65534


class DevTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o777)
        self.calls = self.folder / "calls"
        self.calls.touch()
        self.calls.chmod(0o666)
        for name, text in TOOLS.items():
            (self.folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (self.folder / name).chmod(0o755)
        # A copy, so that also somebody else than the owner of the clone may run it.
        script = self.folder / "dev"
        script.write_text((ROOT / "dev").read_text(encoding="utf-8"), encoding="utf-8")
        script.chmod(0o755)
        self.environment = {**os.environ, "CALLS": str(self.calls),
                            "PATH": f"{self.folder}:{os.environ['PATH']}"}

    def dev(self, *words, answer=None, user=None):
        """The exit code; with an answer, on a terminal where it is typed."""
        command = [str(self.folder / "dev"), *words]
        options = {"env": self.environment, "cwd": self.folder, "user": user}
        if answer is None:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False, **options).returncode
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return subprocess.run(command, stdin=theirs, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False, **options).returncode
        finally:
            os.close(ours)
            os.close(theirs)

    def called(self, name):
        return [line for line in self.calls.read_text(encoding="utf-8").splitlines()
                if line.split()[0] == name]

    def test_yes_may_stand_before_or_behind_the_verb(self):
        for words in (("--yes", "build"), ("build", "--yes")):
            self.calls.write_text("", encoding="utf-8")
            self.assertEqual(self.dev(*words, answer="n\n"), 0, "it does not ask")
            self.assertEqual(len(self.called("apt-get")), 2, "update and install")
            self.assertIn("cmake --build", self.called("cmake"))

    def test_on_a_terminal_it_asks_first(self):
        self.assertEqual(self.dev("build", answer="n\n"), 1)
        self.assertEqual(self.called("apt-get") + self.called("cmake"), [])
        self.assertEqual(self.dev("build", answer="\n"), 0)
        self.assertEqual(len(self.called("apt-get")), 2)

    def test_without_a_terminal_it_does_not_wait_for_an_answer(self):
        self.assertEqual(self.dev("build"), 0)
        self.assertEqual(len(self.called("apt-get")), 2)

    def test_it_uses_sudo_where_it_is_not_root(self):
        if os.geteuid() == 0:
            self.assertEqual(self.dev("build"), 0)
            self.assertEqual(self.called("sudo"), [])
        self.assertEqual(self.dev("build", user=NOBODY if os.geteuid() == 0 else None), 0)
        self.assertRegex(self.called("sudo")[0], r"^sudo env DEBIAN_FRONTEND=\S+ apt-get .*update$")


if __name__ == "__main__":
    unittest.main()
