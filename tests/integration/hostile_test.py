#!/usr/bin/env python3
"""What a peer that keeps to no rule does to the hub's memory, and to others. Needs CAPSTAN_BIN."""

import random
import threading
import unittest

import hostile_peer
import hub_folder

# broker/README.md, Sum: the fixed part, and one connection's outbox and window.
FIXED_MIB = 64 + 64 + 32 + 8 + 6 + 64
CONNECTION_MIB = 32 + 4
SECONDS = 5


class HostilePeers(unittest.TestCase):
    def setUp(self):
        self.folder = hub_folder.HubFolder(hub_folder.bin_dir())
        self.addCleanup(self.folder.close)
        config = self.folder.path / "capstan.toml"
        config.write_text(config.read_text().replace("curve = true", "curve = false"))
        self.folder.start()
        self.folder.add("alice", "bob")
        endpoint = (self.folder.path / "run" / "endpoint").read_text().strip()
        self.peer = hostile_peer.HostilePeer(endpoint)
        self.addCleanup(self.peer.close)

    def rss_anon_mib(self):
        with open(f"/proc/{self.folder.hub.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status
                        if line.startswith("RssAnon:")) / 1024

    def attack(self, messages):
        """The peer sends for some seconds while others exchange mail; the hub's largest RssAnon."""
        taken, largest = [], self.rss_anon_mib()
        thread = threading.Thread(
            target=lambda: taken.append(self.peer.send_for(SECONDS, messages)))
        thread.start()
        rounds = 0
        while thread.is_alive() or rounds < 2:
            self.folder.run("send", "bob", f"round {rounds}", "--as", "alice", timeout=20)
            heard = self.folder.run("listen", "--as", "bob", "--count", "1", timeout=20).stdout
            self.assertEqual(heard, f"round {rounds}\n")
            largest = max(largest, self.rss_anon_mib())
            rounds += 1
        thread.join()
        return taken[0], largest

    def test_one_that_asks_and_never_reads_takes_no_more_than_its_share(self):
        request = [13, 1, "status", b"\x80"]
        asks = hostile_peer.message(hostile_peer.body_part(*[request] * 500))
        taken, largest = self.attack([asks])
        # Each question of 24 octets has an answer of several hundred: unbounded, it would show.
        self.assertGreater(taken, 1 << 20)
        self.assertLess(largest, FIXED_MIB + CONNECTION_MIB)
        self.assertEqual(self.folder.terminate(), 0)

    def test_garbage_is_refused_and_kept_nowhere(self):
        rng = random.Random(3)
        garbage = [hostile_peer.message(rng.randbytes(rng.randrange(1, 4000))) for _ in range(200)]
        frames = [hostile_peer.message(hostile_peer.body_part(
            [rng.randrange(20), rng.randrange(1 << 32), rng.randbytes(50)])) for _ in range(200)]
        taken, largest = self.attack(garbage + frames)
        self.assertGreater(taken, 1 << 20)
        self.assertLess(largest, FIXED_MIB + CONNECTION_MIB)
        self.assertGreater(self.folder.status()["refused_frames"], 1000)
        self.assertEqual(self.folder.terminate(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
