#!/usr/bin/env python3
"""What waits, what died, and what became of it, as the operator sees it. Needs CAPSTAN_BIN."""

import json
import subprocess
import unittest

import hub_case


class Operator(hub_case.HubTest):
    def json(self, *arguments):
        return json.loads(self.folder.run(*arguments, "--json").stdout)

    def inbox_until(self, name, **fields):
        """The inbox once it says so; a hub that ends, ends the test."""
        while True:
            inbox = self.json("inbox", name)
            if all(inbox[field] == value for field, value in fields.items()):
                return inbox

    def kill_a_listener(self, name):
        """One that holds the oldest envelope and has said nothing about it."""
        stuck = self.folder.popen("listen", "--as", name, "--json", stdout=subprocess.PIPE)
        stuck.stdout.read(1)
        stuck.kill()
        stuck.wait()
        stuck.stdout.close()
        self.inbox_until(name, receiving=False)

    def dead_letter(self, lines=2000):
        """alice's first line to bob kills its receiver; the rest waits."""
        self.configure(max_deliver=1, lease_ms=1000, heartbeat_ms=300)
        folder = self.started("alice", "bob")
        # More than a pipe holds: the listener blocks before it can acknowledge everything.
        folder.run("send", "bob", "--as", "alice", "--lines",
                   input="".join(f"{n:0100}\n" for n in range(lines)))
        self.kill_a_listener("bob")
        # The next life is told that the last one died over its oldest delivery.
        self.listen("bob", "--count", "1")
        letters = self.json("dead", "list")
        self.assertEqual(len(letters), 1, letters)
        return letters[0]

    def test_inbox_says_what_waits(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", "--lines", input="a\nb\nc\n")
        self.listen("bob", "--count", "1")
        # An acknowledgement rides in a commit that comes a little later.
        inbox = self.inbox_until("bob", pending=2)
        self.assertEqual((inbox["receiving"], inbox["retries"]), (False, []))
        self.assertEqual(inbox["next_position"], 4)
        text = folder.run("inbox", "bob").stdout
        self.assertRegex(text, r"(?m)^  pending +2$")
        self.assertRegex(text, r"(?m)^  receiving +no$")
        own = folder.run("inbox", "bob", "--key", str(folder.path / "keys" / "bob.key"))
        self.assertRegex(own.stdout, r"(?m)^  pending +2$")

    def test_what_kills_its_receiver_is_listed_resent_and_dropped(self):
        letter = self.dead_letter()
        folder = self.folder
        self.assertEqual((letter["agent"], letter["sender"]), ("bob", "alice"))
        self.assertEqual((letter["attempts"], letter["reason"]), (1, "receiver lost"))
        self.assertEqual(self.json("dead"), [letter])
        text = folder.run("dead").stdout.splitlines()
        self.assertTrue(text[0].startswith("RECORD"), text)
        self.assertIn("receiver lost", text[1])
        self.assertRegex(text[1], r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d\d UTC")
        notice = json.loads(self.listen("alice", "--count", "1", "--json").stdout)
        self.assertEqual(notice["event_type"], "capstan.delivery.dead")

        record = str(letter["record"])
        self.inbox_until("bob", pending=1998)
        resent = self.json("dead", "resend", "bob", record)
        self.assertNotEqual(resent["envelope_id"], letter["envelope_id"])
        self.assertEqual(self.json("dead", "list", "bob"), [])
        self.assertEqual(folder.run("dead").stdout, "no dead letters\n")
        self.assertEqual(self.json("inbox", "bob")["pending"], 1999)
        last = self.listen("bob", "--timeout", "1", "--json", check=False).stdout.splitlines()[-1]
        self.assertEqual(json.loads(last)["envelope_id"], resent["envelope_id"])
        self.assertEqual(json.loads(last)["sender_id"], letter["sender_id"])
        again = folder.run("dead", "resend", "bob", record, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"not_found: 'bob' has no dead letter {record}", again.stderr)

    def test_all_dead_letters_of_an_agent_are_resent_at_once(self):
        letter = self.dead_letter()
        done = self.folder.run("dead", "resend", "bob", "--all")
        self.assertRegex(done.stdout, rf"^resent {letter['record']} as [0-9a-f]{{32}}\n$")
        self.assertEqual(self.json("dead"), [])
        last = self.listen("bob", "--timeout", "1", check=False).stdout.splitlines()[-1]
        self.assertEqual(last, f"{0:0100}")
        self.assertEqual(self.folder.run("dead", "resend", "bob", "--all").stdout, "")

    def test_a_dead_letter_survives_kill_9_and_is_dropped_for_good(self):
        letter = self.dead_letter()
        folder = self.folder
        folder.kill()
        folder.start()
        self.assertEqual(self.json("dead", "list", "bob"), [letter])
        self.assertEqual(self.json("dead", "drop", "bob", str(letter["record"])), {"dropped": 1})
        folder.kill()
        folder.start()
        self.assertEqual(self.json("dead"), [])
        gone = folder.run("dead", "drop", "bob", str(letter["record"]), check=False)
        self.assertEqual(gone.returncode, 1)
        self.assertEqual(folder.run("dead", "drop", "bob", "--all").stdout, "dropped 0\n")

    def test_retained_mail_can_be_traced_until_the_rule_lets_it_go(self):
        self.configure(kind="'forever'", segment_bytes_max="'1 MiB'", checkpoint_interval_ms=200)
        folder = self.started("alice", "bob")
        lines = "".join(f"{n:0>4}{'x' * 2000}\n" for n in range(2000))
        folder.run("send", "bob", "--lines", "--as", "alice", input=lines)
        heard = folder.run("listen", "--as", "bob", "--count", "2000", "--json").stdout
        first = json.loads(heard.splitlines()[0])["envelope_id"]
        while folder.status()["retained_segments"] == 0:
            pass
        folder.terminate()
        folder.start()
        self.assertEqual(self.json("trace", first)["state"], "settled")
        folder.terminate()
        self.configure(kind="'settled'")
        folder.start()
        folder.run("send", "bob", "so that there is something to save", "--as", "alice")
        while folder.run("trace", first, check=False).returncode == 0:
            pass
        self.assertIn("not_found", folder.run("trace", first, check=False).stderr)

    def test_trace_follows_an_envelope_also_from_the_disk(self):
        letter = self.dead_letter()
        folder = self.folder
        dead = self.json("trace", letter["envelope_id"])
        self.assertEqual((dead["state"], dead["sender"], dead["recipient"]),
                         ("dead", "alice", "bob"))
        self.assertEqual((dead["attempts"], dead["reason"]), (1, "receiver lost"))
        self.assertEqual(dead["priority"], "normal")
        self.assertLessEqual(dead["block"], int(letter["envelope_id"][20:], 16))
        # The ids of one burst differ in the sequence alone; this one has not been printed.
        resent = self.json("dead", "resend", "bob", str(letter["record"]))["envelope_id"]
        self.assertEqual(self.json("trace", resent)["state"], "pending")
        folder.kill()
        folder.start()
        self.assertEqual(self.json("trace", resent)["state"], "pending")
        self.listen("bob", "--timeout", "1", check=False)
        self.inbox_until("bob", pending=0)
        self.assertEqual(self.json("trace", resent)["state"], "settled")
        text = folder.run("trace", resent).stdout
        self.assertRegex(text, r"(?m)^  state +settled$")
        self.assertRegex(text, r"(?m)^  accepted +20\d\d-\d\d-\d\d .* UTC$")

    def test_what_is_not_there_ends_with_1_and_says_so(self):
        folder = self.started("alice")
        for arguments in (("inbox", "nobody"), ("dead", "list", "nobody"),
                          ("dead", "drop", "nobody", "7"), ("trace", "0" * 31 + "1")):
            done = folder.run(*arguments, check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("not_found", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_what_is_for_operators_is_not_told_as_nothing(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "hello", "--as", "alice")
        for key, pending in (("operator", "1"), ("alice", "-")):
            rows = folder.run("agent", "list", "--key",
                              str(folder.path / "keys" / f"{key}.key")).stdout.splitlines()
            bob = next(row.split() for row in rows if row.startswith("bob "))
            self.assertEqual(bob[4], pending, key)

    def test_usage_errors_end_with_2_and_refusals_with_77(self):
        folder = self.started("alice", "bob")
        for arguments in (("trace", "xyz"), ("inbox",), ("dead", "drop", "bob"),
                          ("dead", "resend", "bob", "7", "--all"), ("dead", "drop", "bob", "x")):
            self.assertEqual(folder.run(*arguments, check=False).returncode, 2, arguments)
        key = str(folder.path / "keys" / "alice.key")
        for arguments in (("inbox", "bob"), ("dead",), ("trace", "0" * 32)):
            done = folder.run(*arguments, "--key", key, check=False)
            self.assertEqual(done.returncode, 77, arguments)
            self.assertIn("access_denied", done.stderr)

    def test_without_a_hub_they_end_with_75(self):
        for arguments in (("inbox", "bob"), ("dead",), ("trace", "0" * 32)):
            done = self.folder.run(*arguments, check=False, timeout=3)
            self.assertEqual(done.returncode, 75, arguments)


if __name__ == "__main__":
    unittest.main(verbosity=2)
