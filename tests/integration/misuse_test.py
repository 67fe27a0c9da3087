#!/usr/bin/env python3
"""What `capstan` says of arguments, input and folders that are wrong. Needs CAPSTAN_BIN."""

import json
import os
import subprocess
import tty
import unittest

import hub_case


class Misuse(hub_case.HubTest):
    def test_input_that_cannot_be_read_is_not_taken_for_its_end(self):
        folder = self.started("alice", "bob")
        send = ("send", "bob", "--as", "alice")
        for more, said in ((("--file", str(folder.path)), "Is a directory"),
                           (("--file", str(folder.path), "--lines"), "Is a directory"),
                           (("--file", "/proc/self/mem"), "Input/output error")):
            done = folder.run(*send, *more, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, "accepted 0\n"), done.stderr)
            self.assertIn(said, done.stderr)
        missing = folder.run(*send, "--file", str(folder.path / "none"), check=False)
        self.assertEqual((missing.returncode, missing.stdout), (1, ""))
        self.assertIn("none: No such file or directory", missing.stderr)
        self.assertEqual(self.listen("bob", "--timeout", "0.5", check=False).stdout, "")

    def test_an_error_in_the_middle_of_the_input_names_the_last_good_line(self):
        folder = self.started("alice", "bob")
        # Who reads the one side of a terminal gets what was written to the other, and then EIO.
        reading, writing = os.openpty()
        self.addCleanup(os.close, reading)
        tty.setraw(writing)
        os.write(writing, b"one\ntwo\nhalf a li")
        os.close(writing)
        done = folder.run("send", "bob", "--as", "alice", "--lines", stdin=reading, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, "accepted 2\n"), done.stderr)
        self.assertIn("after line 2: io: cannot read standard input: Input/output error",
                      done.stderr)

    def test_a_document_that_is_a_folder_is_told(self):
        folder = self.started("alice")
        for option in ("--skill", "--passport"):
            done = folder.run("agent", "register", "alice", option, str(folder.path), check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("Is a directory", done.stderr)

    def test_usage_errors_end_with_2(self):
        self.assertEqual(self.folder.run("send", check=False).returncode, 2)
        self.assertEqual(self.folder.run("nonsense", check=False, folder=False).returncode, 2)
        made = self.folder.path.parent / "made"
        done = self.folder.run("init", str(made), "--listen", "nonsense", check=False, folder=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse(made.exists())

    def test_arguments_that_are_none_end_with_2_at_once(self):
        folder = self.started("alice", "bob")
        send = ("send", "bob", "hi", "--as", "alice")
        for arguments in (("send", "", "hi", "--as", "alice"),
                          ("send", "bob", "hi", "--as", ""),
                          ("send", "bob", "hi", "--as", "../alice"),
                          ("listen", "--as", "a b"),
                          ("listen", "--as", "bob", "--count=-1"),
                          ("listen", "--as", "bob", "--count", "18446744073709551616"),
                          ("dead", "drop", "bob", "-1"),
                          (*send, "--idempotency-key", ""),
                          (*send, "--idempotency-key", "k" * 257),
                          ("send", "bob", "--lines", "--as", "alice",
                           "--idempotency-key", "k" * 236)):
            done = folder.run(*arguments, check=False, timeout=5, stdin=subprocess.DEVNULL)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (arguments, done.stderr))

    def test_with_json_an_error_is_one_object_on_stderr(self):
        folder = self.started("alice", "bob")
        for code, exit_code, *arguments in (
                ("invalid_argument", 2, "send"),
                ("invalid_argument", 2, "send", "bob", "--lines", "--as", "alice",
                 "--idempotency-key", "k" * 236),
                ("invalid_argument", 2, "trace", "nonsense"),
                ("invalid_argument", 2, "dead", "drop", "bob"),
                ("not_found", 1, "agent", "show", "nobody"),
                ("already_exists", 1, "agent", "add", "bob"),
                ("not_found", 77, "send", "nobody", "hi", "--as", "alice"),
                ("access_denied", 77, "send", "bob", "hi", "--as", "bob",
                 "--key", str(folder.path / "keys" / "alice.key"))):
            done = folder.run(*arguments, "--json", check=False)
            error = json.loads(done.stderr)
            self.assertEqual((error["code"], done.returncode), (code, exit_code), done.stderr)
            self.assertIn(code, error["error"])

    def test_with_json_a_refused_line_is_named(self):
        folder = self.started("alice")
        done = folder.run("send", "nobody", "--as", "alice", "--lines", "--json", input="1\n2\n",
                          check=False)
        self.assertEqual(json.loads(done.stdout), {"accepted": 0})
        self.assertEqual(json.loads(done.stderr)["where"], "line 1")

    def test_a_folder_whose_name_is_no_utf8_is_told_as_json(self):
        made = self.folder.path.parent / os.fsdecode(b"made-\xff")
        said = [self.folder.run(*arguments, "--json", folder=False, check=False)
                for arguments in (("init", str(made), "--listen", "tcp://127.0.0.1:0"),
                                  ("agent", "add", "alice", "--dir", str(made)),
                                  ("status", "--dir", str(made)))]
        self.assertEqual([done.returncode for done in said], [0, 0, 75])
        for done in said:
            self.assertIn("made-\ufffd", done.stdout)
            json.loads(done.stdout)

    def test_output_that_cannot_be_written_is_no_success(self):
        folder = self.started("alice")
        with open("/dev/full", "w") as full:
            for arguments in (("status",), ("agent", "list", "--json")):
                done = subprocess.run(folder.command(*arguments), stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=20, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("cannot write to stdout", done.stderr)

    def test_a_standard_stream_that_is_closed_is_told(self):
        folder = self.started("alice", "bob")
        for closed, said, *arguments in (
                ("<&-", "cannot read standard input", "send", "bob", "--as", "alice"),
                (">&-", "cannot write to stdout", "status")):
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh",
                                   *folder.command(*arguments)], capture_output=True, text=True,
                                  timeout=20, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(said, done.stderr)

    def test_a_folder_that_cannot_be_looked_at_is_told(self):
        loop = self.folder.path.parent / "loop"
        loop.symlink_to(loop)
        for code, *arguments in ((1, "send", "bob", "hi", "--as", "alice"),
                                 (78, "agent", "add", "alice"), (75, "status")):
            done = self.folder.run(*arguments, "--dir", str(loop), folder=False, check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(str(loop), done.stderr)

    def test_an_endpoint_file_that_cannot_be_read_is_told_at_once(self):
        endpoint = self.folder.path / "run" / "endpoint"
        endpoint.symlink_to(endpoint)
        self.folder.run("agent", "add", "alice")
        done = self.folder.run("send", "bob", "hi", "--as", "alice", check=False, timeout=4)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"cannot read {endpoint}", done.stderr)

    def test_a_time_that_is_none_ends_with_2(self):
        for option in ("--timeout", "--connect-timeout"):
            for seconds in ("0", "-1", "1e10", "nan", "inf", "soon"):
                done = self.listen("alice", f"{option}={seconds}", check=False, timeout=5)
                self.assertEqual(done.returncode, 2, (option, seconds, done.stderr))
                self.assertIn(option, done.stderr)

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
