#!/usr/bin/env python3
"""The table says what happened."""

import pathlib
import tempfile
import unittest

import prove


class ProveTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = prove.ROOT, prove.LOGS
        prove.ROOT = prove.LOGS = pathlib.Path(folder.name)
        self.addCleanup(lambda: setattr(prove, "ROOT", before[0]))
        self.addCleanup(lambda: setattr(prove, "LOGS", before[1]))

    def test_the_last_line_that_looks_like_it_closes(self):
        fine, seconds, last = prove.Proof("p", "", "printf one\\ntwo\\nother\\n",
                                          closing="^two").run()
        self.assertEqual((fine, last), (True, "two"))
        self.assertGreaterEqual(seconds, 0)

    def test_a_step_that_fails_ends_the_proof(self):
        fine, _, last = prove.Proof("p", "", "echo first", "false", "echo third").run()
        self.assertEqual((fine, last), (False, "$ false"))

    def test_a_command_that_is_missing_is_a_failure(self):
        fine, _, last = prove.Proof("p", "", "./no/such/proof").run()
        self.assertFalse(fine)
        self.assertIn("No such file", last)

    def test_success_without_a_closing_line_is_none(self):
        fine, _, last = prove.Proof("p", "", "echo done", closing="clean").run()
        self.assertFalse(fine)
        self.assertIn("p.log", last)

    def test_the_table_has_a_line_for_each(self):
        self.assertEqual(prove.table([("a", True, 61.2, "clean"), ("long", False, 5, "lost 1")]),
                         ["a     ok           61 s  clean", "long  FAILED        5 s  lost 1"])

    def test_names_differ(self):
        self.assertEqual(len({proof.name for proof in prove.PROOFS}), len(prove.PROOFS))


if __name__ == "__main__":
    unittest.main()
