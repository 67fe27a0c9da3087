#!/usr/bin/env python3
"""What becomes of a removed agent's name, key and mail. Needs CAPSTAN_BIN."""

import json
import subprocess
import unittest

import hub_case


class Removal(hub_case.HubTest):
    def letters(self):
        return json.loads(self.folder.run("dead", "list", "--json").stdout)

    def letters_until(self, count):
        """The dead letters once there are so many; a hub that ends, ends the test."""
        while True:
            letters = self.letters()
            if len(letters) >= count:
                return letters

    def expect_unknown(self, name):
        done = self.folder.run("send", name, "late", "--as", "alice", check=False)
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("not_found", done.stderr)
        names = [agent["name"] for agent in
                 json.loads(self.folder.run("agent", "list", "--json").stdout)]
        self.assertNotIn(name, names)

    def test_a_connected_agent_is_told_and_its_name_is_unknown_afterwards(self):
        folder = self.started("alice", "bob")
        listener = folder.popen("listen", "--as", "bob", stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        folder.run("send", "bob", "hello", "--as", "alice")
        self.assertEqual(listener.stdout.readline(), "hello\n")
        done = folder.run("agent", "remove", "bob")
        self.assertIn("removed agent bob", done.stdout)
        errors = listener.communicate(timeout=20)[1]
        self.assertEqual(listener.returncode, 77, errors)
        self.assertIn("access_denied", errors)
        self.expect_unknown("bob")
        self.assertFalse((folder.path / "keys" / "bob.key").exists())
        self.assertEqual(sorted(entry.name for entry in (folder.path / "agents").iterdir()),
                         ["alice", "operator"])
        again = folder.run("agent", "remove", "bob", check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("not_found", again.stderr)

    def test_waiting_mail_becomes_dead_letters_and_the_sender_is_told(self):
        folder = self.started("alice", "bob")
        key = (folder.path / "keys" / "bob.key").read_bytes()
        folder.run("send", "bob", "--as", "alice", "--lines", input="1\n2\n3\n")
        done = json.loads(folder.run("agent", "remove", "bob", "--json").stdout)
        self.assertEqual((done["waiting"], done["withdrawn"]), (3, ["bob"]))
        letters = self.letters_until(3)
        self.assertEqual({letter["reason"] for letter in letters}, {"agent removed"})
        self.assertEqual({letter["agent"] for letter in letters}, {"bob"})
        notice = json.loads(self.listen("alice", "--count", "1", "--json").stdout)
        self.assertEqual(notice["event_type"], "capstan.delivery.dead")
        stolen = folder.path.parent / "bob.key"
        stolen.write_bytes(key)
        stolen.chmod(0o600)
        refused = self.listen("bob", "--key", str(stolen), check=False)
        self.assertEqual(refused.returncode, 77, refused.stderr)
        self.assertIn("refused_handshake", refused.stderr)
        dropped = folder.run("dead", "drop", letters[0]["agent_id"], "--all")
        self.assertEqual(dropped.stdout, "dropped 3\n")

    def test_more_waiting_mail_than_dead_letters_are_kept_is_told(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", "--lines", input="x\n" * 100_001)
        done = folder.run("agent", "remove", "bob")
        self.assertIn("the newest 100000 of 100001 envelopes go to the dead letters", done.stdout)

    def test_the_same_name_added_again_is_another_agent(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "for the first", "--as", "alice")
        folder.run("agent", "remove", "bob")
        folder.add("bob")
        folder.run("send", "bob", "for the second", "--as", "alice")
        self.letters_until(1)
        folder.kill()
        folder.start()
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "for the second\n")
        self.assertEqual(len(self.letters()), 1)

    def test_one_removed_while_the_hub_is_stopped_is_gone_when_it_starts(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "too late", "--as", "alice")
        self.assertEqual(folder.terminate(), 0)
        done = folder.run("agent", "remove", "bob")
        self.assertIn("at its start", done.stdout)
        note = folder.path / "agents" / "bob.removed"
        self.assertTrue(note.exists())
        nobody = folder.run("agent", "remove", "nobody", check=False)
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("not_found", nobody.stderr)
        folder.add("bob")
        folder.start()
        self.assertEqual(self.letters_until(1)[0]["reason"], "agent removed")
        while note.exists():
            self.assertIsNone(folder.hub.poll())
        folder.run("send", "bob", "for the second", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "for the second\n")

    def test_a_kill_in_the_middle_buries_everything_once(self):
        folder = self.started("alice", "bob")
        count = 20_000
        folder.run("send", "bob", "--as", "alice", "--lines",
                   input="".join(f"{n:0200}\n" for n in range(count)))
        folder.run("agent", "remove", "bob")
        folder.kill()
        folder.start()
        letters = self.letters_until(count)
        self.assertEqual(len({letter["envelope_id"] for letter in letters}), count)
        self.assertEqual(len(letters), count)
        self.expect_unknown("bob")

    def test_a_key_with_other_names_keeps_them(self):
        folder = self.started("alice")
        folder.run("agent", "add", "node", "--names", "node,bob,worker-*")
        key = str(folder.path / "keys" / "node.key")
        done = folder.run("agent", "remove", "bob")
        self.assertIn("the key node keeps its other names", done.stdout)
        refused = self.listen("bob", "--key", key, check=False)
        self.assertEqual(refused.returncode, 77, refused.stderr)
        self.assertIn("access_denied", refused.stderr)
        folder.run("send", "node", "hello", "--as", "alice")
        self.assertEqual(self.listen("node", "--count", "1").stdout, "hello\n")
        self.listen("worker-1", "--key", key, "--timeout", "0.1", check=False)
        self.assertIn("worker", folder.run("agent", "remove", "worker-1").stderr)

    def test_the_operator_stays_and_others_may_not_remove(self):
        folder = self.started("alice", "bob")
        done = folder.run("agent", "remove", "operator", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("invalid_argument", done.stderr)
        key = str(folder.path / "keys" / "alice.key")
        done = folder.run("agent", "remove", "bob", "--key", key, check=False)
        self.assertEqual(done.returncode, 77)
        self.assertIn("access_denied", done.stderr)
        self.assertEqual(folder.terminate(), 0)
        done = folder.run("agent", "remove", "operator", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("invalid_argument", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
