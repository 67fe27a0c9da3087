#!/usr/bin/env python3
"""What .ci/run says and when it fails, with commands that only say that they were called."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
DEV = """#!/bin/sh
echo "dev $*"
case "$*" in
  *"{failing}"*) exit 1 ;;
  "--yes test") printf '100%% tests passed, 0 tests failed out of 7\\nTotal Test time (real) = 1 sec\\n' ;;
esac
"""


class CiRun(unittest.TestCase):
    def run_ci(self, failing="nothing", **environment):
        """(exit code, lines)"""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / ".ci").mkdir()
            shutil.copy(ROOT / ".ci" / "run", root / ".ci" / "run")
            (root / "tests" / "sim").mkdir(parents=True)
            for place, text in (("dev", DEV.replace("{failing}", failing)),
                                ("tests/sim/same_trace", "#!/bin/sh\necho same trace\n")):
                (root / place).write_text(text, encoding="utf-8")
                (root / place).chmod(0o755)
            done = subprocess.run([root / ".ci" / "run"], capture_output=True, text=True,
                                  env={**os.environ, **environment}, check=False)
            return done.returncode, done.stdout.splitlines()

    def test_it_ends_with_the_verdict_of_ctest_and_says_how_long_it_took(self):
        code, lines = self.run_ci()
        self.assertEqual(code, 0)
        self.assertEqual(lines[-2:], ["100% tests passed, 0 tests failed out of 7",
                                      "Total Test time (real) = 1 sec"])
        self.assertRegex("\n".join(lines), r"== everything: \d+ s\n")
        called = [line for line in lines if line.startswith(("dev ", "same "))]
        self.assertEqual(called, ["dev --yes check --all", "dev --yes test --asan",
                                  "dev --yes build", "same trace", "dev --yes test"])

    def test_the_first_step_that_fails_ends_it(self):
        code, lines = self.run_ci(failing="test --asan")
        self.assertNotEqual(code, 0)
        self.assertRegex(lines[-1], "^== asan: FAILED after")

    def test_failed_tests_fail_it(self):
        self.assertNotEqual(self.run_ci(failing="--yes test")[0], 0)

    def test_more_than_its_time_is_told(self):
        code, lines = self.run_ci(CI_SECONDS_MAX="-1")
        self.assertEqual(code, 0)
        self.assertRegex("\n".join(lines), r"== everything: \d+ s: TOO LONG, -1 s are the limit")


if __name__ == "__main__":
    unittest.main()
