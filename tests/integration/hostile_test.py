#!/usr/bin/env python3
"""What a peer that keeps to no rule does to the hub's memory, and to others. Needs CAPSTAN_BIN."""

import random
import struct
import threading
import unittest

import msgpack

import hostile_peer
import hub_folder

# broker/README.md, Sum: the fixed part, and one connection's outbox and window.
FIXED_MIB = 64 + 64 + 32 + 8 + 6 + 64
CONNECTION_MIB = 32 + 4
SECONDS = 5
# PROTOCOL.md §8: kBatchBytesMax, and room for the ping behind each.
BODY_BYTES = (4 << 20) - hostile_peer.PING_BYTES


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

    def attack(self, messages, send=hostile_peer.HostilePeer.send_for):
        """The peer sends for some seconds while others exchange mail; the hub's largest RssAnon."""
        taken, seen = [], [self.rss_anon_mib()]
        thread = threading.Thread(
            target=lambda: taken.append(send(self.peer, SECONDS, messages)))
        thread.start()
        over = threading.Event()

        def watch():
            while not over.wait(0.005):
                seen.append(self.rss_anon_mib())
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            rounds = 0
            while thread.is_alive() or rounds < 2:
                self.folder.run("send", "bob", f"round {rounds}", "--as", "alice", timeout=20)
                heard = self.folder.run("listen", "--as", "bob", "--count", "1", timeout=20).stdout
                self.assertEqual(heard, f"round {rounds}\n")
                rounds += 1
        finally:
            thread.join()
            over.set()
            watcher.join()
        return taken[0], max(seen)

    def test_one_that_asks_and_never_reads_takes_no_more_than_its_share(self):
        request = [13, 1, "status", b"\x80"]
        asks = hostile_peer.message(hostile_peer.body_part(*[request] * 500))
        taken, largest = self.attack([asks])
        # Each question of 24 octets has an answer of several hundred: unbounded, it would show.
        self.assertGreater(taken, 1 << 20)
        self.assertLess(largest, FIXED_MIB + CONNECTION_MIB)
        self.assertEqual(self.folder.terminate(), 0)

    def test_small_requests_with_large_answers_fill_nothing_and_keep_nobody_waiting(self):
        names = [f"agent-{number}" for number in range(40)]
        self.folder.add(*names)
        pages = hostile_peer.body_part([13, 1, "list_agents", b"\x80"])
        profile = msgpack.packb({"name": "alice", "profile": True})
        profiles = hostile_peer.body_part([13, 1, "get_agent", profile])
        unchanged = hostile_peer.body_part([13, 1, "set_rule", msgpack.packb({"name": "alice"})])
        asks = [frame * (BODY_BYTES // len(frame)) for frame in (pages, profiles, unchanged)]
        self.folder.run("agent", "register", "alice")
        taken, largest = self.attack(asks, hostile_peer.HostilePeer.ask_in_turn)
        self.assertGreater(taken, len(asks) * BODY_BYTES - 1000)
        self.assertLess(largest, FIXED_MIB + CONNECTION_MIB)
        self.assertEqual(self.folder.terminate(), 0)

    def test_the_smallest_frames_in_the_largest_message_take_no_memory(self):
        empty = b"\xc4\x00" * (BODY_BYTES // 2)
        before = self.rss_anon_mib()
        taken, largest = self.attack([empty], hostile_peer.HostilePeer.ask_in_turn)
        self.assertGreater(taken, BODY_BYTES)
        # One message was 450 MiB when all of its frames were kept beside each other.
        self.assertLess(largest, before + CONNECTION_MIB + 64)
        self.assertGreater(self.folder.status()["refused_frames"], BODY_BYTES // 2 - 1)
        self.assertEqual(self.folder.terminate(), 0)

    def test_nested_arrays_in_a_control_frame_are_not_parsed(self):
        many = b"\xdc\x03\xe8" + (b"\xdc\x10\x00" + b"\xa0" * 4096) * 1000
        hello = b"\x95\x01\x01\x00" + many + b"\xa0"
        request = msgpack.packb([13, 1, "get_agent", b"\x81\xa1x" + many])
        bodies = [b"\xc6" + struct.pack(">I", len(frame)) + frame for frame in (hello, request)]
        before = self.rss_anon_mib()
        taken, largest = self.attack(bodies, hostile_peer.HostilePeer.ask_in_turn)
        self.assertGreater(taken, BODY_BYTES)
        self.assertLess(largest, before + CONNECTION_MIB + 64)
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
