#!/usr/bin/env python3
"""How `capstand` starts, refuses to start, and reloads on SIGHUP. Needs CAPSTAN_BIN."""

import pathlib
import resource
import shutil
import signal
import subprocess
import unittest

import hub_case
import hub_folder


class Daemon(hub_case.HubTest):
    def capstand(self, *arguments):
        return subprocess.run([str(self.folder.bin / "capstand"), "--dir", str(self.folder.path),
                               *arguments], capture_output=True, text=True, timeout=20, check=False)

    def test_the_first_log_line_says_where_it_listens(self):
        self.folder.start()
        first = self.folder.log_text().splitlines()[0]
        endpoint = (self.folder.path / "run" / "endpoint").read_text().strip()
        self.assertTrue(first.endswith(f"listening on {endpoint}"), first)

    def test_a_second_hub_on_the_folder_ends_at_once_and_names_the_holder(self):
        self.folder.start()
        second = self.capstand()
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"process {self.folder.hub.pid}", second.stderr)

    def test_too_few_file_descriptors_are_told_with_the_remedy(self):
        done = subprocess.run([str(self.folder.bin / "capstand"), "--dir", str(self.folder.path)],
                              capture_output=True, text=True, timeout=20, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                    (100, 100)))
        self.assertEqual(done.returncode, 78)
        self.assertIn("may open 100 files", done.stderr)
        self.assertIn("ulimit -Hn", done.stderr)

    def test_a_second_hub_on_the_port_ends_at_once(self):
        self.folder.start()
        other = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(other.close)
        shutil.copy(self.folder.path / "capstan.toml", other.path / "capstan.toml")
        done = subprocess.run([str(other.bin / "capstand"), "--dir", str(other.path)],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot listen on", done.stderr)

    def test_all_config_errors_are_told_at_once_and_end_with_78(self):
        path = self.folder.path / "capstan.toml"
        path.write_text("[listen]\nendpont = 'tcp://127.0.0.1:0'\n[send]\nwindow_envelopes = -1\n")
        done = self.capstand("--check-config")
        self.assertEqual(done.returncode, 78)
        self.assertIn("capstan.toml:2:", done.stderr)
        self.assertIn("did you mean 'endpoint'", done.stderr)
        self.assertIn("capstan.toml:4:", done.stderr)

    def test_check_config_says_ok_of_the_file_that_config_names(self):
        other = self.folder.path.parent / "other.toml"
        other.write_text("[delivery]\nmax_deliver = 3\n")
        done = self.capstand("--config", str(other), "--check-config")
        self.assertEqual((done.returncode, done.stdout), (0, f"{other}: ok\n"), done.stderr)
        other.write_text("[delivery]\nmax_deliver = 'three'\n")
        done = self.capstand("--config", str(other), "--check-config")
        self.assertEqual(done.returncode, 78)
        self.assertIn("other.toml:2:", done.stderr)

    def test_an_empty_allow_list_over_a_known_journal_ends_with_78(self):
        self.started("alice")
        self.folder.terminate()
        for admitted in (self.folder.path / "agents").iterdir():
            admitted.unlink()
        done = self.capstand()
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("agents", done.stderr)

    def test_sighup_takes_up_a_new_key_and_shuts_out_a_withdrawn_one(self):
        folder = self.started("alice", "bob")
        (folder.path / "agents" / "bob").rename(folder.path.parent / "bob")
        folder.hub.send_signal(signal.SIGHUP)
        while "reload=done" not in folder.log_text():
            self.assertIsNone(folder.hub.poll())
        refused = self.listen("bob", "--count", "1", check=False)
        self.assertEqual(refused.returncode, 77, refused.stderr)
        folder.run("send", "bob", "still accepted", "--as", "alice")
        (folder.path.parent / "bob").rename(folder.path / "agents" / "bob")
        folder.hub.send_signal(signal.SIGHUP)
        while folder.log_text().count("reload=done") < 2:
            self.assertIsNone(folder.hub.poll())
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "still accepted\n")

    def test_sighup_takes_over_the_log_level(self):
        folder = self.started("alice", "bob")
        bob = folder.path / "agents" / "bob"
        withdrawn = bob.rename(folder.path.parent / "bob")
        self.configure(level="'error'")
        folder.hub.send_signal(signal.SIGHUP)
        # At this level the hub keeps silent about the reload, so its effect is waited for.
        while self.listen("bob", "--timeout", "0.1", check=False).returncode != 77:
            self.assertIsNone(folder.hub.poll())
        self.assertNotIn("reload=done", folder.log_text())
        withdrawn.rename(bob)
        self.configure(level="'info'")
        folder.hub.send_signal(signal.SIGHUP)
        while "reload=done" not in folder.log_text():
            self.assertIsNone(folder.hub.poll())

    def test_a_reload_with_a_mistake_changes_nothing(self):
        folder = self.started("alice", "bob")
        (folder.path / "agents" / "bob").rename(folder.path.parent / "bob")
        (folder.path / "agents" / "carol").write_text("nonsense")
        folder.hub.send_signal(signal.SIGHUP)
        while "reload=failed" not in folder.log_text():
            self.assertIsNone(folder.hub.poll())
        folder.run("send", "bob", "still known", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "still known\n")

    def test_no_config_makes_a_folder_and_says_so(self):
        # Without a config the port is the default one; whether it is free does not matter here.
        empty = self.folder.path.parent / "fresh"
        process = subprocess.Popen([str(self.folder.bin / "capstand"), "--dir", str(empty)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = process.stdout.readline()
        process.terminate()
        process.communicate(timeout=20)
        self.assertIn("made a hub's folder", line)
        self.assertTrue((pathlib.Path(empty) / "capstan.toml").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
