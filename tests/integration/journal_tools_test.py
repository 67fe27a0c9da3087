#!/usr/bin/env python3
"""The journal's offline tools: `capstan journal verify` and `dump`. Needs CAPSTAN_BIN."""

import json
import unittest

import hub_case


class Journal(hub_case.HubTest):
    def stopped(self):
        """Ten envelopes, one commit each, and a hub that was killed."""
        folder = self.started("alice", "bob")
        for n in range(10):
            folder.run("send", "bob", f"marked {n}", "--as", "alice")
        folder.kill()
        return folder

    def tool(self, verb, *more):
        return self.folder.run("journal", verb, str(self.folder.path), *more, check=False,
                               folder=False)

    def records(self):
        return [json.loads(line) for line in
                self.tool("dump", "--json", "--payload").stdout.splitlines()]

    def flip(self, text):
        """Changes one octet of the only place in the journal where the text lies."""
        places = [path for path in (self.folder.path / "data" / "journal").rglob("0*")
                  if path.is_file() and text in path.read_bytes()]
        self.assertEqual(len(places), 1)
        content = bytearray(places[0].read_bytes())
        content[content.find(text)] ^= 4
        places[0].write_bytes(content)

    def test_a_sound_journal_verifies_and_every_record_is_dumped_in_order(self):
        self.stopped()
        done = self.tool("verify")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "sound"))
        records = self.records()
        self.assertEqual([r["sequence"] for r in records], list(range(1, len(records) + 1)))
        self.assertEqual([r["text"] for r in records if r["type"] == "envelope"],
                         [f"marked {n}" for n in range(10)])
        some = self.tool("dump", "--from", "3", "--to", "4").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in some], ["3", "4"])
        self.assertNotIn("marked", self.tool("dump").stdout)

    def test_damage_is_named_exactly_and_ends_with_1(self):
        self.stopped()
        hit = [r["sequence"] for r in self.records() if r.get("text") == "marked 4"]
        self.flip(b"marked 4")
        before = {path: path.read_bytes() for path in (self.folder.path / "data").rglob("*")
                  if path.is_file()}
        done = self.tool("verify", "--json")
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(report["lost"], [{"segment": 1, "first": hit[0], "last": hit[0],
                                           "recorded": False}])
        self.assertEqual(report["damaged"], ["journal/00000000000000000001"])
        self.assertIn({"sequence": hit[0], "type": "lost", "last": hit[0]}, self.records())
        after = {path: path.read_bytes() for path in before}
        self.assertEqual(after, before, "the original stays as it is")
        # The hub's own start finds the same, and a later check says that it is known.
        self.folder.start()
        self.assertIn(f"gap first={hit[0]} last={hit[0]}", self.folder.log_text())
        got = self.listen("bob", "--count", "9").stdout.splitlines()
        self.assertEqual(got, [f"marked {n}" for n in range(10) if n != 4])
        self.folder.kill()
        report = json.loads(self.tool("verify", "--json").stdout)
        self.assertEqual([loss["recorded"] for loss in report["lost"]], [True])

    def test_a_running_hub_is_named_and_left_alone(self):
        self.started("alice")
        for verb in ("verify", "dump"):
            done = self.tool(verb)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"process {self.folder.hub.pid}", done.stderr)

    def test_a_folder_that_is_no_hubs_is_refused(self):
        done = self.folder.run("journal", "verify", str(self.folder.path / "keys"), check=False,
                               folder=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not_found", done.stderr)

    def test_the_copy_is_made_where_scratch_says(self):
        folder = self.stopped()
        scratch = folder.path.parent / "scratch"
        for verb in ("verify", "dump"):
            refused = self.tool(verb, "--scratch", str(scratch))
            self.assertEqual(refused.returncode, 1)
            self.assertIn(str(scratch), refused.stderr)
        scratch.mkdir()
        self.assertEqual(self.tool("verify", "--scratch", str(scratch)).stdout.splitlines()[-1],
                         "sound")
        self.assertIn("envelope", self.tool("dump", "--scratch", str(scratch)).stdout)
        self.assertEqual(list(scratch.iterdir()), [], "the copy goes when it was read")


if __name__ == "__main__":
    unittest.main(verbosity=2)
