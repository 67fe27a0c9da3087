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

    def test_nothing_is_logged_into_a_file_when_the_streams_are_closed(self):
        self.folder.hub = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(self.folder.bin / "capstand"),
             "--dir", str(self.folder.path)])
        self.folder.endpoint()
        for descriptor in range(3):
            link = pathlib.Path(f"/proc/{self.folder.hub.pid}/fd/{descriptor}")
            self.assertEqual(link.readlink(), pathlib.Path("/dev/null"))
        self.assertEqual(self.folder.terminate(), 0)

    def test_a_folder_that_cannot_be_looked_at_ends_the_start(self):
        loop = self.folder.path.parent / "loop"
        loop.symlink_to(loop)
        done = subprocess.run([str(self.folder.bin / "capstand"), "--dir", str(loop)],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(loop), done.stderr)

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
        endpoint = (self.folder.path / "run" / "endpoint").read_text().strip()
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot listen on {endpoint}: Address already in use", done.stderr)
        self.assertIn("`ss -ltnp` names it", done.stderr)

    def test_agents_meet_at_a_socket_in_the_folder_which_belongs_to_one_hub(self):
        self.configure(endpoint="'ipc://run/hub.sock'")
        folder = self.started("alice", "bob")
        socket = folder.path / "run" / "hub.sock"
        self.assertEqual(folder.endpoint(), f"ipc://{socket}")
        other = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(other.close)
        config = other.path / "capstan.toml"
        shutil.copy(folder.path / "capstan.toml", config)
        config.write_text(config.read_text().replace("ipc://run/hub.sock", f"ipc://{socket}"))
        second = subprocess.run([str(other.bin / "capstand"), "--dir", str(other.path)],
                                capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"cannot listen on ipc://{socket}: another program listens", second.stderr)
        folder.run("send", "bob", "by the socket", "--as", "alice")
        self.assertEqual(self.listen("bob", "--count", "1").stdout, "by the socket\n")
        # What a killed hub has left is in nobody's way; what is no socket is left alone.
        folder.kill()
        folder.start()
        folder.terminate()
        socket.unlink(missing_ok=True)
        socket.write_text("somebody's file")
        refused = self.capstand()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no socket", refused.stderr)
        self.assertEqual(socket.read_text(), "somebody's file")

    def test_while_it_starts_nobody_is_sent_to_where_an_earlier_hub_listened(self):
        endpoint = self.folder.path / "run" / "endpoint"
        endpoint.write_text("tcp://127.0.0.1:1\n")
        (self.folder.path / "agents" / "carol").write_text("nonsense")
        self.assertEqual(self.capstand().returncode, 78)
        self.assertFalse(endpoint.exists())

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

    def reload_failed(self):
        """Asks for a reload, which must fail; what it says."""
        self.folder.hub.send_signal(signal.SIGHUP)
        while "reload=failed" not in self.folder.log_text():
            self.assertIsNone(self.folder.hub.poll())
        return self.folder.log_text().partition("reload=failed")[2]

    def test_an_allow_list_that_is_suddenly_empty_shuts_nobody_out(self):
        folder = self.started("alice", "bob")
        listener = folder.popen("listen", "--as", "bob", "--count", "2", stdout=subprocess.PIPE,
                                text=True)
        folder.run("send", "bob", "before", "--as", "alice")
        self.assertEqual(listener.stdout.readline(), "before\n")
        agents = folder.path / "agents"
        agents.rename(folder.path.parent / "agents")
        agents.mkdir()
        self.assertIn("is the folder mounted?", self.reload_failed())
        done = folder.run("agent", "remove", "alice", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("is the folder mounted?", done.stderr)
        folder.run("send", "bob", "after", "--as", "alice")
        self.assertEqual(listener.communicate(timeout=20)[0], "after\n")
        self.assertEqual(listener.returncode, 0)

    def test_a_reload_with_a_mistake_in_the_configuration_changes_nothing(self):
        folder = self.started("alice", "bob")
        (folder.path / "agents" / "bob").rename(folder.path.parent / "bob")
        config = folder.path / "capstan.toml"
        good = config.read_text()
        config.write_text(good + "nonsense = true\n")
        self.assertIn("nonsense", self.reload_failed())
        config.write_text(good)  # The command line reads it, too.
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
