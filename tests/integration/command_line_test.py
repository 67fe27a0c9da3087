#!/usr/bin/env python3
"""Where `capstan` finds its hub, what it says, and what it ends with. Needs CAPSTAN_BIN."""

import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

import hub_case


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
        done = folder.run(*send, "--file", str(text) + "-not", check=False)
        self.assertIn("cannot open", done.stderr)
        self.assertNotEqual(done.returncode, 0)

    def test_the_folder_is_dir_else_the_environments_else_the_current_one(self):
        folder = self.started("alice")
        elsewhere = str(folder.path.parent)
        status = [str(folder.bin / "capstan"), "status"]
        environment = {name: value for name, value in os.environ.items() if name != "CAPSTAN_DIR"}
        for more, cwd, named in ((["--dir", str(folder.path)], elsewhere, elsewhere),
                                 ([], elsewhere, str(folder.path)), ([], str(folder.path), None)):
            variables = {**environment, **({"CAPSTAN_DIR": named} if named else {})}
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
        self.assertEqual((done.returncode, done.stdout), (77, ""))
        self.assertIn("`capstan agent add carol`", done.stderr)

    def test_usage_errors_end_with_2(self):
        self.assertEqual(self.folder.run("send", check=False).returncode, 2)
        self.assertEqual(self.folder.run("nonsense", check=False, folder=False).returncode, 2)

    def test_an_endpoint_that_is_none_ends_with_2_at_once(self):
        folder = self.started("alice", "bob")
        for endpoint in ("tcp://nonsense", "http://127.0.0.1:7450", "127.0.0.1:7450",
                         "tcp://127.0.0.1:0", "ipc://" + "x" * 200):
            done = folder.run("send", "bob", "hi", "--as", "alice", "--endpoint", endpoint,
                              "--connect-timeout", "600", check=False, timeout=5)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn("--endpoint", done.stderr)

    def test_init_refuses_a_folder_that_is_a_hubs(self):
        done = self.folder.run("init", str(self.folder.path), check=False, folder=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already_exists", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
