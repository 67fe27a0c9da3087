#!/usr/bin/env python3
"""The examples of client/examples do what their first lines say. Needs CAPSTAN_BIN."""

import subprocess
import unittest

import hub_case


class Examples(hub_case.HubTest):
    def command(self, program, name, *more):
        keys = self.folder.path / "keys"
        return [self.folder.bin / program, keys / "hub.pub", keys / f"{name}.key",
                self.folder.endpoint(), *more]

    def test_what_the_one_posts_the_other_receives_and_acknowledges(self):
        folder = self.started("alice", "bob")
        posted = subprocess.run(self.command("example_post", "alice", "bob", "hello, bob"),
                                capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((posted.returncode, posted.stderr), (0, ""))
        receiver = subprocess.Popen(self.command("example_receive", "bob"), text=True,
                                    stdout=subprocess.PIPE)
        self.addCleanup(receiver.communicate)
        self.addCleanup(receiver.kill)
        self.assertEqual(receiver.stdout.readline(), "hello, bob\n")
        while folder.status()["acknowledged"] == 0:
            self.assertIsNone(receiver.poll())

    def test_a_post_to_nobody_is_told(self):
        self.started("alice")
        posted = subprocess.run(self.command("example_post", "alice", "nobody", "hello"),
                                capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(posted.returncode, 1)
        self.assertIn("not_found", posted.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
