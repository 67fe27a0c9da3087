#!/usr/bin/env python3
"""Whose key speaks for which names. Needs CAPSTAN_BIN."""

import subprocess
import unittest

import hub_case
import hub_folder


class Identity(hub_case.HubTest):
    def test_a_strangers_key_is_refused_with_77_and_counted(self):
        folder = self.started("alice", "bob")
        other = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(other.close)
        other.add("alice")
        stranger = str(other.path / "keys" / "alice.key")
        done = folder.run("send", "bob", "hi", "--as", "alice", "--key", stranger, check=False)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("refused_handshake", done.stderr)
        self.assertEqual(folder.status()["refused_handshakes"], 1)

    def test_a_colleagues_key_is_refused_with_77_and_counted(self):
        folder = self.started("alice", "bob")
        colleague = str(folder.path / "keys" / "alice.key")
        done = self.listen("bob", "--key", colleague, check=False)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("access_denied", done.stderr)
        self.assertEqual(folder.status()["refused_identity"], 1)

    def test_an_unknown_name_is_answered_like_somebody_elses(self):
        folder = self.started("alice", "bob")
        key = str(folder.path / "keys" / "alice.key")
        foreign = self.listen("bob", "--key", key, check=False)
        unknown = self.listen("nobody", "--key", key, check=False)
        self.assertEqual(foreign.stderr.replace("bob", "X"), unknown.stderr.replace("nobody", "X"))

    def test_a_second_receiver_supersedes_the_first_with_77(self):
        folder = self.started("alice", "bob")
        first = folder.popen("listen", "--as", "bob", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        folder.run("send", "bob", "to the first", "--as", "alice")
        self.assertEqual(first.stdout.readline(), "to the first\n")
        second = folder.popen("listen", "--as", "bob", "--count", "1", stdout=subprocess.PIPE,
                              text=True)
        errors = first.communicate(timeout=20)[1]
        self.assertEqual(first.returncode, 77, errors)
        self.assertIn("superseded", errors)
        folder.run("send", "bob", "to the second", "--as", "alice")
        self.assertEqual(second.communicate(timeout=20)[0], "to the second\n")

    def test_a_glob_admits_several_agents_on_one_key(self):
        folder = self.started("alice")
        folder.run("agent", "add", "node", "--names", "worker-*,carol")
        key = str(folder.path / "keys" / "node.key")
        folder.run("send", "alice", "from a worker", "--as", "worker-7", "--key", key)
        self.assertEqual(self.listen("alice", "--count", "1").stdout, "from a worker\n")
        folder.run("send", "carol", "hello", "--as", "alice")
        self.assertEqual(self.listen("carol", "--count", "1", "--key", key).stdout, "hello\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
