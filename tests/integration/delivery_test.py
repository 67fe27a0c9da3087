#!/usr/bin/env python3
"""Mail waits, comes in order, expires or is refused, through kill -9 too. Needs CAPSTAN_BIN."""

import json
import random
import subprocess
import unittest

import hub_case
import kill_lines


class Delivery(hub_case.HubTest):
    def test_lines_survive_five_kills_unchanged_and_in_order(self):
        folder = self.started("alice", "bob")
        killed = kill_lines.carry(folder, 200_000, 5, random.Random(7), verbose=False)
        self.assertEqual(killed, 5)

    def test_mail_for_an_absent_agent_waits_through_kill_and_drain(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "before", "the", "kill", "--as", "alice")
        folder.kill()
        folder.start()
        folder.run("send", "bob", "before the drain", "--as", "alice")
        self.assertEqual(folder.terminate(), 0)
        folder.start()
        self.assertEqual(self.listen("bob", "--count", "2").stdout,
                         "before the kill\nbefore the drain\n")

    def test_written_mail_survives_a_kill_right_after_its_accept(self):
        folder = self.started("alice")
        folder.run("agent", "add", "bob", "--durability", "written")
        for n in range(5):
            folder.run("send", "bob", f"line {n}", "--as", "alice")
            folder.kill()
            folder.start()
        agents = json.loads(folder.run("agent", "list", "--json").stdout)
        self.assertEqual({one["name"]: one["durability"] for one in agents},
                         {"alice": "synced", "bob": "written", "operator": "synced"})
        self.assertEqual(self.listen("bob", "--count", "5").stdout,
                         "".join(f"line {n}\n" for n in range(5)))

    def test_memory_mail_for_an_absent_receiver_is_not_delivered(self):
        folder = self.started("alice")
        folder.run("agent", "add", "bob", "--durability", "memory")
        refused = folder.run("send", "bob", "anybody there?", "--as", "alice", check=False)
        self.assertEqual((refused.returncode, refused.stdout), (77, "accepted 0\n"))
        self.assertIn("capstan: not_delivered: ", refused.stderr)
        self.assertIn("the receiver is not there", refused.stderr)
        listener = folder.popen("listen", "--as", "bob", "--count", "2", stdout=subprocess.PIPE,
                                text=True)
        for word in ("one", "two"):
            folder.run("send", "bob", word, "--as", "alice", "--wait")
        self.assertEqual(listener.communicate(timeout=20)[0], "one\ntwo\n")
        for shown in (("agent", "list"), ("agent", "show", "bob"), ("inbox", "bob")):
            self.assertIn("memory", folder.run(*shown).stdout, shown)
        self.assertEqual(json.loads(folder.run("inbox", "bob", "--json").stdout)["pending"], 0)

    def test_a_stopped_hub_makes_the_mailbox_as_it_was_added(self):
        folder = self.folder
        folder.run("agent", "add", "bob", "--durability", "written")
        folder.start()
        inbox = json.loads(folder.run("inbox", "bob", "--json").stdout)
        self.assertEqual(inbox["durability"], "written")

    def test_acknowledged_mail_does_not_come_again_after_a_drain(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "once", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "once\n")
        folder.terminate()
        folder.start()
        again = self.listen("bob", "--timeout", "0.3", check=False)
        self.assertEqual((again.returncode, again.stdout), (27, ""))

    def test_a_receiver_killed_before_it_prints_is_sent_everything_again(self):
        folder = self.started("alice", "bob")
        lines = "".join(f"{n}\n" for n in range(1000))
        folder.run("send", "bob", "--as", "alice", "--lines", input=lines)
        # A pipe that nobody reads: the listener fills it, blocks in print, and is killed.
        stuck = folder.popen("listen", "--as", "bob", "--json", stdout=subprocess.PIPE)
        printed = stuck.stdout.read(1)
        # Whatever it had acknowledged by then would have been heard before this is answered.
        folder.run("inbox", "bob")
        stuck.kill()
        stuck.wait()
        printed += stuck.stdout.read()
        stuck.stdout.close()
        rest = self.listen("bob", "--timeout", "1", check=False).stdout.splitlines()
        self.assertGreater(len(rest), 0)
        self.assertEqual(rest, [str(n) for n in range(1000)][-len(rest):])
        # Nobody but the pipe has seen these lines, and nobody at all the one behind them.
        self.assertLessEqual(int(rest[0]), printed.count(b"\n"))

    def test_line_breaks_are_escaped_and_json_keeps_them(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", input="two\nlines")
        folder.run("send", "bob", "--as", "alice", input="two\nlines")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "two\\nlines\n")
        row = json.loads(self.listen("bob", "--count", "1", "--json").stdout)
        self.assertEqual(row["text"], "two\nlines")

    def test_no_text_can_look_like_another_one_or_command_a_terminal(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", input="C:\\new\x1b[2J\ttab \u00e9\u009b2J")
        folder.run("send", "bob", "(capstan.gap: your mail is lost)", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "2").stdout,
                         "C:\\\\new\\x1b[2J\ttab \u00e9\\xc2\\x9b2J\n"
                         "\\(capstan.gap: your mail is lost)\n")

    def test_json_says_whom_to_answer(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "hello", "--as", "alice")
        row = json.loads(self.listen("bob", "--count", "1", "--json").stdout)
        self.assertEqual(row["sender"], "alice")
        folder.run("send", row["sender"], "hello yourself", "--as", "bob")
        self.assertEqual(self.listen("alice", "--count", "1").stdout, "hello yourself\n")

    def test_urgent_mail_is_delivered_first(self):
        folder = self.started("alice", "bob")
        for priority in ("background", "normal", "urgent"):
            folder.run("send", "bob", priority, "--as", "alice", "--priority", priority)
        self.assertEqual(self.listen("bob", "--count", "3").stdout, "urgent\nnormal\nbackground\n")

    def test_mail_expires_and_its_sender_is_told(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "late", "--as", "alice", "--ttl", "0")
        folder.run("send", "bob", "patient", "--as", "alice", "--ttl", "600")
        notice = json.loads(self.listen("alice", "--count", "1", "--json").stdout)
        self.assertEqual(notice["event_type"], "capstan.delivery.expired")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "patient\n")
        self.assertEqual(folder.status()["expired"], 1)

    def test_the_same_idempotency_key_is_the_same_envelope_through_a_kill(self):
        folder = self.started("alice", "bob")
        lines = ("send", "bob", "--as", "alice", "--lines", "--idempotency-key", "job-7")
        folder.run(*lines, input="one\ntwo\n")
        folder.kill()
        folder.start()
        again = folder.run(*lines, input="one\ntwo\nthree\n")
        self.assertEqual(again.stdout, "accepted 3\n")
        self.assertEqual(self.listen("bob", "--timeout", "0.5", check=False).stdout,
                         "one\ntwo\nthree\n")

    def test_count_takes_no_more_than_it_prints(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", "--lines", input="1\n2\n3\n")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "1\n")
        self.assertEqual(self.listen("bob", "--count", "2").stdout, "2\n3\n")

    def test_a_listener_that_hears_nothing_more_ends_with_27(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "--as", "alice", "--lines", input="1\n2\n")
        done = self.listen("bob", "--count", "3", "--timeout", "0.5", check=False)
        self.assertEqual((done.returncode, done.stdout), (27, "1\n2\n"))
        folder.run("send", "bob", "3", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1", "--timeout", "20").stdout, "3\n")

    def test_a_full_inbox_refuses_the_line_and_wait_waits_for_room(self):
        self.configure(inbox_envelopes_max=2)
        folder = self.started("alice", "bob", "carol")
        send = ("send", "bob", "--as", "alice", "--lines")
        refused = folder.run(*send, input="1\n2\n3\n4\n", check=False)
        self.assertEqual((refused.returncode, refused.stdout), (77, "accepted 2\n"))
        self.assertIn("line 3: inbox_full", refused.stderr)
        # Nobody else's inbox is full, and who waits goes on when there is room.
        folder.run("send", "carol", "room", "--as", "alice")
        waiting = folder.popen(*send, "--wait", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
        waiting.stdin.write("3\n4\n")
        waiting.stdin.close()
        while folder.status()["refused_sends"] < 3:
            self.assertIsNone(waiting.poll())
        self.assertEqual(self.listen("bob", "--count", "4").stdout, "1\n2\n3\n4\n")
        with waiting.stdout:
            self.assertEqual(waiting.stdout.read(), "accepted 2\n")
        self.assertEqual(waiting.wait(timeout=20), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
