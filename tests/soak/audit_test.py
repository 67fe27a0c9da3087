#!/usr/bin/env python3
"""The soak's auditor notices what it is there for."""

import unittest

import audit
import load


def lines(*numbers, sender="alice"):
    """A receiver's file: texts in this order, with ids that grow."""
    return [f"{at:032x} {load.text_of(sender, n)}\n" for at, n in enumerate(numbers, 1)]


def audited(file_lines, **posted):
    result = audit.Audit()
    result.take_file("file", file_lines, posted)
    return result


class AuditTest(unittest.TestCase):
    def test_what_was_posted_once_and_in_order_is_clean(self):
        result = audited(lines(1, 2, 3), alice=3)
        self.assertTrue(result.clean(), result.examples)
        self.assertEqual((result.posted, result.kept), (3, 3))
        self.assertEqual(result.line(), "lost 0, duplicated 0, out of order 0")

    def test_a_missing_text_is_lost_wherever_it_was(self):
        for kept in ((2, 3), (1, 3), (1, 2), ()):
            result = audited(lines(*kept), alice=3)
            self.assertEqual(result.lost, 3 - len(kept), kept)
            self.assertFalse(result.clean())

    def test_a_text_that_stands_there_twice_is_duplicated(self):
        result = audited(lines(1, 2, 2, 3), alice=3)
        self.assertEqual((result.duplicated, result.lost, result.out_of_order), (1, 0, 0))

    def test_an_id_that_stands_there_twice_is_duplicated(self):
        twice = lines(1, 2)
        twice[1] = twice[0][:audit.ID_CHARS] + twice[1][audit.ID_CHARS:]
        self.assertEqual(audited(twice, alice=2).duplicated, 1)

    def test_a_later_text_before_an_earlier_one_is_out_of_order(self):
        result = audited(lines(1, 3, 2), alice=3)
        self.assertEqual((result.out_of_order, result.lost), (1, 0))

    def test_ids_that_shrink_are_out_of_order_across_senders(self):
        both = [lines(1)[0], lines(1, sender="bob")[0]]
        self.assertEqual(audited([both[0], "0" * 32 + both[1][32:]], alice=1, bob=1).out_of_order, 1)

    def test_a_changed_text_is_altered(self):
        changed = lines(1, 2)
        changed[1] = changed[1].replace("abc", "abd", 1).replace("cde", "cdf", 1)
        self.assertEqual(audited(changed, alice=2).altered, 1)

    def test_what_nobody_posted_is_foreign(self):
        for text in ("mallory 1 ", "alice 4 ", "alice x ", "alice ²", ""):
            result = audited(lines(1) + ["f" * 32 + " " + text + "\n"], alice=1)
            self.assertEqual(result.foreign, 1, text)
            self.assertFalse(result.clean())

    def test_texts_differ_and_have_many_sizes(self):
        texts = {load.text_of(s, n) for s in ("alice", "bob") for n in range(1, 2_001)}
        self.assertEqual(len(texts), 4_000)
        self.assertGreater(max(map(len, texts)), 64 * 1024)
        self.assertGreater(len({len(t) for t in texts}), 20)


if __name__ == "__main__":
    unittest.main()
