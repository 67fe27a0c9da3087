#!/usr/bin/env python3
"""`capstan_bench --json` prints one object a row on stdout, and nothing else. Needs CAPSTAN_BIN."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

FIELDS = {"system", "workload", "durability", "curve", "payload_bytes", "envelopes_per_second",
          "ratio_to_floor", "p50_us", "p99_us", "delivery_p50_us", "delivery_p99_us"}


class Json(unittest.TestCase):
    def rows(self, *arguments):
        program = pathlib.Path(os.environ["CAPSTAN_BIN"]) / "capstan_bench"
        with tempfile.TemporaryDirectory(prefix="capstan-bench-") as folder:
            done = subprocess.run([str(program), "--json", "--dir", folder, *arguments],
                                  capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("loopback TCP", done.stderr, "the table is for people")
        self.assertRegex(done.stderr, r"took \d+ s\n")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_row_is_one_object_with_every_field(self):
        rows = self.rows("--payload", "256", "--seconds", "0.1", "--grid-seconds", "0.1")
        self.assertEqual({row["system"] for row in rows},
                         {"capstan", "floor", "raw_zmq", "raw_leveldb"})
        self.assertEqual({row["curve"] for row in rows}, {False, True})
        for row in rows:
            self.assertLessEqual(FIELDS, row.keys())
            self.assertEqual((row["workload"], row["payload_bytes"]), ("one_to_one", 256))
            self.assertIn(row["durability"], ("synced", "none", "written", "memory"))
            self.assertGreater(row["envelopes_per_second"], 0)
            self.assertGreater(row["ratio_to_floor"], 0)
            self.assertLessEqual(row["p50_us"], row["p99_us"])
        hubs = [(row["durability"], row["curve"]) for row in rows if row["system"] == "capstan"]
        self.assertEqual(sorted(hubs), [("memory", False), ("synced", False), ("synced", True),
                                        ("written", False)])
        for row in rows:
            if row["system"] in ("capstan", "floor"):
                self.assertLessEqual(row["delivery_p50_us"], row["delivery_p99_us"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
