#!/usr/bin/env python3
"""The real daemon on a disk that is nearly full, full, or read-only. Needs CAPSTAN_BIN and a mount
namespace of its own, which it makes itself."""

import os
import subprocess
import sys
import time
import unittest

import hub_folder

DISK_BYTES = 80 << 20
RESERVE = "16 MiB"
PATIENCE_S = 20


class SmallDisk(unittest.TestCase):
    def setUp(self):
        self.folder = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(self.folder.close)
        config = self.folder.path / "capstan.toml"
        text = config.read_text()
        config.write_text(text.replace("disk_reserve_bytes = '256 MiB'",
                                       f"disk_reserve_bytes = '{RESERVE}'"))
        self.assertNotEqual(config.read_text(), text)
        self.data = self.folder.path / "data"
        self.data.mkdir(exist_ok=True)
        self.mount("-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(self.data))
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.data)], check=True)
        self.filler = self.data / "filler"

    def mount(self, *arguments):
        subprocess.run(["mount", *arguments], check=True)

    def started(self):
        self.folder.start()
        self.folder.add("alice", "bob")

    def free(self):
        space = os.statvfs(self.data)
        return space.f_bavail * space.f_frsize

    def fill(self, leave):
        """Takes all room but so much."""
        with open(self.filler, "ab") as filler:
            os.posix_fallocate(filler.fileno(), filler.tell(), self.free() - leave)

    def wait_for(self, condition):
        until = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertIsNone(self.folder.hub.poll(), self.folder.log_text())
            self.assertLess(time.monotonic(), until, self.folder.log_text())

    def wait_for_state(self, state):
        self.wait_for(lambda: self.folder.status()["disk_state"] == state)

    def send(self, *more, **options):
        return self.folder.run("send", "bob", "--as", "alice", *more, check=False, **options)

    def test_sends_are_refused_before_the_disk_is_full_and_the_rest_goes_on(self):
        self.started()
        self.assertEqual(self.send("--lines", input="1\n2\n3\n").returncode, 0)
        self.fill(leave=12 << 20)
        self.wait_for_state("full")
        status = self.folder.run("status", check=False)
        self.assertEqual(status.returncode, 75)
        self.assertIn("not ready: the disk is full", status.stdout)
        refused = self.send("--lines", input="4\n5\n")
        self.assertEqual((refused.returncode, refused.stdout), (77, "accepted 0\n"))
        self.assertIn("line 1: disk_full", refused.stderr)
        got = self.folder.run("listen", "--as", "bob", "--count", "3")
        self.assertEqual(got.stdout, "1\n2\n3\n")
        self.wait_for(lambda: self.folder.status()["pending"] == 0)
        waiting = self.folder.popen("send", "bob", "waits", "--as", "alice", "--wait",
                                    stdout=subprocess.PIPE, text=True)
        self.wait_for(lambda: self.folder.status()["refused_sends"] >= 2)
        self.filler.unlink()
        self.assertEqual(waiting.communicate(timeout=PATIENCE_S)[0], "accepted 1\n")
        self.wait_for_state("ok")
        self.assertEqual(self.folder.run("status").stdout.splitlines()[0], "ready")

    def test_a_full_disk_gives_up_the_ballast_and_delivery_goes_on_through_a_restart(self):
        self.started()
        self.assertEqual(self.send("--lines", input="1\n2\n3\n").returncode, 0)
        ballast = self.data / "ballast"
        self.assertTrue(ballast.exists())
        self.fill(leave=0)
        self.wait_for(lambda: not ballast.exists())
        self.wait_for_state("full")
        self.folder.kill()
        self.folder.start()
        self.assertEqual(self.send("more").returncode, 77)
        got = self.folder.run("listen", "--as", "bob", "--count", "3")
        self.assertEqual(got.stdout, "1\n2\n3\n")
        self.wait_for(lambda: self.folder.status()["pending"] == 0)
        self.filler.unlink()
        self.wait_for(ballast.exists)
        self.assertEqual(self.send("again").returncode, 0)

    def test_a_disk_without_any_room_refuses_the_start_and_loses_nothing(self):
        self.started()
        self.assertEqual(self.send("kept").returncode, 0)
        self.folder.kill()
        (self.data / "ballast").unlink()
        self.fill(leave=0)
        done = self.start_and_end()
        self.assertIn(done.returncode, (1, 74), done.stderr)
        self.assertIn("No space left", done.stderr)
        self.filler.unlink()
        self.folder.start()
        self.assertEqual(self.folder.run("listen", "--as", "bob", "--count", "1").stdout, "kept\n")

    def test_a_read_only_disk_refuses_the_start_with_the_reason(self):
        self.started()
        self.assertEqual(self.send("kept").returncode, 0)
        self.folder.kill()
        self.mount("-o", "remount,ro", str(self.data))
        done = self.start_and_end()
        self.assertEqual(done.returncode, 1)
        self.assertIn("Read-only file system", done.stderr)
        self.assertIn(str(self.data), done.stderr)
        verified = self.folder.run("journal", "verify", str(self.folder.path), folder=False)
        self.assertIn("sound", verified.stdout)
        self.mount("-o", "remount,rw", str(self.data))
        self.folder.start()
        self.assertEqual(self.folder.run("listen", "--as", "bob", "--count", "1").stdout, "kept\n")

    def start_and_end(self):
        return subprocess.run([str(self.folder.bin / "capstand"), "--dir", str(self.folder.path)],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def enter_own_mounts():
    """Starts this program again where mounting disturbs nobody. In a chroot, where no user
    namespace can be made, root makes a mount namespace alone."""
    if os.environ.get("CAPSTAN_OWN_MOUNTS"):
        return
    os.environ["CAPSTAN_OWN_MOUNTS"] = "1"
    for options in (["--map-root-user", "--mount"], ["--mount", "--propagation", "unchanged"]):
        command = ["unshare", *options]
        tried = subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False)
        if tried.returncode == 0:
            os.execvp("unshare", [*command, sys.executable, *sys.argv])
    sys.exit("no mount namespace can be made here: run this as root, or allow user namespaces")


if __name__ == "__main__":
    enter_own_mounts()
    unittest.main(verbosity=2)
