#!/usr/bin/env python3
"""Where `capstan` finds its hub, what it says, and what it ends with. Needs CAPSTAN_BIN."""

import fcntl
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import unittest

import hub_case
import hub_folder


class CommandLine(hub_case.HubTest):
    def test_status_is_75_at_once_without_a_hub(self):
        done = self.folder.run("status", check=False, timeout=3)
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_status_says_ready_and_what_the_hub_counts(self):
        folder = self.started("alice", "bob")
        folder.run("send", "bob", "hi", "--as", "alice")
        lines = folder.run("status").stdout.splitlines()
        self.assertEqual(lines[0], "ready")
        self.assertRegex("\n".join(lines), r"(?m)^  pending +1$")

    def hold(self):
        """The folder as a hub has it that does not listen yet; the file to close."""
        lock = open(self.folder.path / "run" / "lock", "r+b", buffering=0)
        self.addCleanup(lock.close)
        whole = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, whole)
        (self.folder.path / "run" / "endpoint").unlink()
        return lock

    def test_a_hub_that_starts_is_waited_for_but_not_by_status(self):
        folder = self.started("alice", "bob")
        folder.terminate()
        lock = self.hold()
        done = folder.run("status", check=False, timeout=3)
        self.assertEqual(done.returncode, 75)
        self.assertIn("is starting", done.stderr)
        waiting = [folder.popen(*arguments, "--connect-timeout", "20", stdout=subprocess.PIPE,
                                text=True)
                   for arguments in (("send", "bob", "hello", "--as", "alice"),
                                     ("agent", "add", "carol"), ("agent", "list"))]
        with self.assertRaises(subprocess.TimeoutExpired):
            waiting[0].wait(timeout=0.3)
        lock.close()
        folder.start()
        said = [process.communicate(timeout=20)[0] for process in waiting]
        self.assertEqual([process.returncode for process in waiting], [0, 0, 0])
        self.assertEqual(said[0], "accepted 1\n")
        self.assertIn("the running hub knows it", said[1])
        folder.run("send", "carol", "hello", "--as", "alice")

    def test_the_first_steps_need_no_waiting_for_the_hub(self):
        for _ in range(5):
            folder = hub_folder.HubFolder(hub_folder.bin_dir())
            self.addCleanup(folder.close)
            folder.start_without_waiting()
            folder.add("alice", "bob")
            folder.run("send", "bob", "hello", "--as", "alice")
            self.assertEqual(folder.run("listen", "--as", "bob", "--count", "1").stdout, "hello\n")
            folder.kill()

    def test_a_folder_that_is_no_hubs_is_not_waited_for(self):
        empty = self.folder.path.parent / "empty"
        empty.mkdir()
        done = self.folder.run("send", "bob", "hi", "--as", "alice", "--dir", str(empty),
                               check=False, folder=False, timeout=3)
        self.assertEqual(done.returncode, 75, done.stderr)

    def test_send_gives_up_with_75_when_no_hub_answers_in_time(self):
        folder = self.started("alice", "bob")
        folder.kill()
        done = folder.run("send", "bob", "hi", "--as", "alice", "--connect-timeout", "0.3",
                          check=False, timeout=5)
        self.assertEqual((done.returncode, done.stdout), (75, ""), done.stderr)

    def test_send_to_an_unknown_agent_names_the_line_and_ends_with_77(self):
        folder = self.started("alice")
        done = folder.run("send", "nobody", "--as", "alice", "--lines", input="a\nb\n", check=False)
        self.assertEqual(done.returncode, 77)
        self.assertIn("line 1: not_found", done.stderr)
        self.assertEqual(done.stdout, "accepted 0\n")

    def test_a_refused_line_is_named_and_the_lines_after_it_are_not_sent(self):
        folder = self.started("alice", "bob")
        lines = "fits\n" + "x" * (2 << 20) + "\nafter it\n"
        done = folder.run("send", "bob", "--as", "alice", "--lines", input=lines, check=False)
        self.assertEqual((done.returncode, done.stdout), (77, "accepted 1\n"))
        self.assertIn("line 2: too_large", done.stderr)
        self.assertEqual(self.listen("bob", "--timeout", "0.5", check=False).stdout, "fits\n")

    def test_an_envelope_that_no_hub_takes_is_told_and_what_is_before_it_is_accepted(self):
        folder = self.started("alice", "bob")
        large = folder.path.parent / "large"
        large.write_text("x" * (5 << 20))
        send = ("send", "bob", "--as", "alice")
        done = folder.run(*send, "--file", str(large), check=False)
        self.assertEqual((done.returncode, done.stdout), (77, "accepted 0\n"))
        self.assertRegex(done.stderr, r"capstan: too_large: .* 5242\d\d\d bytes.* 1048576 at most")
        self.assertIn("send it in parts", done.stderr)
        lines = "".join(f"{n}\n" for n in range(6)) + large.read_text() + "\nafter it\n"
        done = folder.run(*send, "--lines", input=lines, check=False)
        self.assertEqual((done.returncode, done.stdout), (77, "accepted 6\n"))
        self.assertIn("line 7: too_large", done.stderr)
        self.assertEqual(self.listen("bob", "--timeout", "0.5", check=False).stdout,
                         "0\n1\n2\n3\n4\n5\n")

    def test_a_refusal_is_told_while_the_input_goes_on(self):
        folder = self.started("alice")
        sender = folder.popen("send", "nobody", "--as", "alice", "--lines", stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(sender.stdin.close)
        sender.stdin.write("one\n")
        sender.stdin.flush()
        with sender.stdout, sender.stderr:
            self.assertEqual(sender.wait(timeout=20), 77)
            self.assertEqual(sender.stdout.read(), "accepted 0\n")
            self.assertIn("line 1: not_found", sender.stderr.read())

    def test_a_session_that_ends_is_told_with_what_was_accepted(self):
        folder = self.started("alice", "bob")
        sender = folder.popen("send", "bob", "--as", "alice", "--lines", stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(sender.stdin.close)
        sender.stdin.write("one\n")
        sender.stdin.flush()
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "one\n")
        folder.run("agent", "remove", "alice")
        with sender.stdout, sender.stderr:
            self.assertEqual(sender.wait(timeout=20), 77)
            self.assertEqual(sender.stdout.read(), "accepted 1\n")
            self.assertIn("line 2: access_denied", sender.stderr.read())

    def test_words_go_before_the_file_and_the_file_before_stdin(self):
        folder = self.started("alice", "bob")
        text = folder.path.parent / "text"
        text.write_text("from the file")
        send = ("send", "bob", "--as", "alice")
        folder.run(*send, "from", "words", "--file", str(text), input="from stdin")
        folder.run(*send, "--file", str(text), input="from stdin")
        folder.run(*send, input="from stdin")
        self.assertEqual(self.listen("bob", "--count", "3").stdout,
                         "from words\nfrom the file\nfrom stdin\n")
        for more in (("words", "--lines"), ("--lines", "words")):
            done = folder.run(*send, *more, input="from stdin", check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), more)
            self.assertIn("TEXT", done.stderr)
        self.assertEqual(self.listen("bob", "--timeout", "0.5", check=False).stdout, "")

    def test_the_folder_is_dir_else_the_environments_else_the_current_one(self):
        folder = self.started("alice")
        elsewhere = str(folder.path.parent)
        status = [str(folder.bin / "capstan"), "status"]
        environment = {name: value for name, value in os.environ.items() if name != "CAPSTAN_DIR"}
        for more, cwd, named in ((["--dir", str(folder.path)], elsewhere, elsewhere),
                                 ([], elsewhere, str(folder.path)), ([], str(folder.path), None),
                                 ([], str(folder.path), "")):
            variables = {**environment, **({} if named is None else {"CAPSTAN_DIR": named})}
            done = subprocess.run(status + more, cwd=cwd, env=variables, capture_output=True,
                                  text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_endpoint_and_key_stand_in_for_the_folders(self):
        folder = self.started("alice", "bob")
        endpoint = (folder.path / "run" / "endpoint").read_text().strip()
        # As on another machine: nothing but the hub's public key and one's own.
        away = folder.path.parent / "away"
        (away / "keys").mkdir(parents=True)
        shutil.copy(folder.path / "keys" / "hub.pub", away / "keys")
        key = shutil.copy(folder.path / "keys" / "alice.key", folder.path.parent / "my.key")
        done = subprocess.run([str(folder.bin / "capstan"), "send", "bob", "from away", "--as",
                               "alice", "--dir", str(away), "--endpoint", endpoint, "--key", key],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "accepted 1\n"), done.stderr)
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "from away\n")

    def test_agents_are_listed_by_the_hub_and_else_from_the_folder(self):
        folder = self.started("bob", "alice")
        folder.run("send", "bob", "hi", "--as", "alice")
        rows = json.loads(folder.run("agent", "list", "--json").stdout)
        self.assertEqual([(row["name"], row["pending"], row["receiving"]) for row in rows],
                         [("alice", 0, False), ("bob", 1, False), ("operator", 0, False)])
        self.assertRegex(folder.run("agent", "list").stdout, r"(?m)^bob +offline +no +synced +1 ")
        folder.terminate()
        rows = json.loads(folder.run("agent", "list", "--json").stdout)
        self.assertEqual([row["name"] for row in rows], ["alice", "bob", "operator"])

    def test_what_init_says_comes_next_works_as_it_stands(self):
        made = self.folder.path.parent / "made"
        said = self.folder.run("init", str(made), "--listen", "tcp://127.0.0.1:0", folder=False)
        steps = [shlex.split(re.split(r" {3,}", line.strip())[0])
                 for line in said.stdout.partition("next:\n")[2].splitlines()]
        self.assertEqual([step[0] for step in steps], ["capstand"] + 4 * ["capstan"])
        steps = [[str(self.folder.bin / step[0]), *step[1:]] for step in steps]
        hub = subprocess.Popen(steps[0], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               text=True)
        self.addCleanup(hub.communicate, timeout=20)
        self.addCleanup(hub.kill)
        self.assertIn("listening on", hub.stderr.readline())
        for step in steps[1:]:
            done = subprocess.run(step, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "hello\n")

    def test_agents_added_while_the_hub_is_stopped_are_there_when_it_starts(self):
        self.folder.add("alice", "bob")
        self.folder.start()
        self.folder.run("send", "bob", "hello", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "hello\n")

    def test_a_hub_that_cannot_write_the_agent_gets_the_same_key_the_next_time(self):
        folder = self.started("alice")
        agents, aside = folder.path / "agents", folder.path.parent / "aside"
        key = folder.path / "keys" / "bob.key"
        agents.rename(aside)
        agents.write_text("a file where the folder should be")
        done = folder.run("agent", "add", "bob", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"its key stays in {key}", done.stderr)
        made = key.read_bytes()
        agents.unlink()
        aside.rename(agents)
        self.assertIn("was there already", folder.run("agent", "add", "bob").stdout)
        self.assertEqual(key.read_bytes(), made)
        folder.run("send", "bob", "hello", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "hello\n")

    def test_a_key_that_the_hub_refuses_does_not_stay(self):
        folder = self.started("alice")
        folder.run("agent", "add", "node", "--names", "node,bob")
        done = folder.run("agent", "add", "bob", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("belongs to another key", done.stderr)
        self.assertFalse((folder.path / "keys" / "bob.key").exists())

    def test_adding_an_agent_twice_is_refused_and_changes_nothing(self):
        folder = self.started("alice")
        before = (folder.path / "keys" / "alice.key").read_bytes()
        done = folder.run("agent", "add", "alice", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already_exists", done.stderr)
        self.assertEqual((folder.path / "keys" / "alice.key").read_bytes(), before)

    def test_without_a_key_the_remedy_is_told(self):
        folder = self.started("bob")
        done = folder.run("send", "bob", "hi", "--as", "carol", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("carol.key: No such file or directory", done.stderr)
        self.assertIn("`capstan agent add carol`", done.stderr)

    def test_init_says_what_it_made_as_json_too(self):
        made = self.folder.path.parent / "made"
        said = self.folder.run("init", str(made), "--listen", "tcp://127.0.0.1:0", "--json",
                               folder=False)
        made_json = json.loads(said.stdout)
        self.assertEqual(made_json["directory"], str(made))
        self.assertIn(made_json["endpoint"], (made / "capstan.toml").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
