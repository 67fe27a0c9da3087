#!/usr/bin/env python3
"""Runs the proofs one after the other and prints one table: what, how it went, how long it took, and
its closing line. Each one's output is in build/prove/NAME.log. The exit code is 1 when one failed.
With --resume, what went well is not run again unless something has changed that it depends on.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
LOGS = ROOT / "build" / "prove"


@dataclasses.dataclass
class Outcome:
    """`closing`: the last line that looks like the end of it."""

    name: str
    fine: bool
    seconds: float
    closing: str


# What the hub's own proofs neither build nor read.
BESIDE_THE_HUB = ("*.md", "bench", "tests/fresh")


class Proof:
    """`steps`: commands, run from the root until one fails. `closing`: what the closing line looks
    like; the last such line of the output stands in the table. `apart`: paths of the project, as git
    takes them, that cannot change how it goes."""

    def __init__(self, name, says, *steps, closing=r"\S", apart=()):
        self.name = name
        self.says = says
        self.steps = [step.split() for step in steps]
        self.closing = re.compile(closing)
        self.apart = apart

    def run(self):
        log = LOGS / f"{self.name}.log"
        began = time.monotonic()
        with open(log, "w", encoding="utf-8") as out:
            fine = all(self._run_step(step, out) for step in self.steps)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if self.closing.search(line)), "")
        if fine and not last:
            fine, last = False, f"no closing line in {log.relative_to(ROOT)}"
        return Outcome(self.name, fine, time.monotonic() - began, last)

    @staticmethod
    def _run_step(step, out):
        print("$", *step, file=out, flush=True)
        try:
            return subprocess.run(step, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, check=False).returncode == 0
        except OSError as error:
            print(error, file=out)
            return False


PROOFS = [
    Proof("fresh", "the two commands of the README in a bare Debian root", "tests/fresh/run",
          closing=r"^  (ok|FAILED) +\./dev|^  (ok|FAILED) +test"),
    Proof("soak", "hub and receivers killed 100 times each, under load",
          "./dev --yes soak --kills 100", closing=r"^lost \d", apart=BESIDE_THE_HUB),
    Proof("mutants", "every deliberate bug is noticed", "./dev --yes soak --mutants",
          closing=r"^killed \d+ of", apart=BESIDE_THE_HUB),
    Proof("sim", "10,000 seeds or ten minutes of processor time, whichever is more",
          "./dev --yes build capstan_sim",
          "build/bin/capstan_sim --seeds 10000 --cpu-minutes 10",
          closing=r"^(clean|FAILED): seeds", apart=BESIDE_THE_HUB),
    Proof("damage", "every bit of a small journal is flipped in turn",
          "./dev --yes build broker_test",
          "env CAPSTAN_EVERY_BIT=1 build/bin/broker_test --gtest_filter=Damage.*",
          closing=r"^\[  (PASSED|FAILED)  \]", apart=BESIDE_THE_HUB),
    Proof("trace", "one seed makes one trace, whatever compiler", "tests/sim/same_trace",
          apart=BESIDE_THE_HUB),
    Proof("fuzz", "every parser of what comes from outside", "tests/fuzz/run",
          apart=BESIDE_THE_HUB),
    Proof("asan", "all tests with AddressSanitizer and UndefinedBehaviorSanitizer",
          "./dev --yes test --asan", closing=r"tests passed"),
    Proof("tsan", "all tests with ThreadSanitizer", "./dev --yes test --tsan",
          closing=r"tests passed", apart=BESIDE_THE_HUB),
    Proof("check", "layout, clang-tidy, the rules of tests/tidy", "./dev --yes check --all",
          closing=r"^check clean|check found"),
    Proof("bench", "the whole table of benchmarks, every bound kept",
          "./dev --yes bench --full --require",
          "build/bin/capstan_micro --benchmark_min_time=0.05",
          closing=r"^capstan +one_to_one +synced +off +256 ", apart=("*.md", "tests")),
]


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def sources():
    """The commit that stands here; None when something has changed since."""
    changes = git("status", "--porcelain")
    if changes.returncode != 0 or changes.stdout:
        return None
    return git("rev-parse", "HEAD").stdout.strip()


def remember(outcome, commit):
    """That it went well at this commit."""
    if outcome.fine and commit:
        (LOGS / f"{outcome.name}.json").write_text(
            json.dumps({"commit": commit, **dataclasses.asdict(outcome)}), encoding="utf-8")


def remembered(proof, commit):
    """How it went with these sources; None when it did not go well, or was not run."""
    try:
        known = json.loads((LOGS / f"{proof.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    apart = [f":(exclude){path}" for path in proof.apart]
    same = commit and git("diff", "--quiet", known.pop("commit"), commit, "--", ".", *apart)
    return Outcome(**known) if same and same.returncode == 0 else None


def table(outcomes):
    """One line a proof; the closing line as it is."""
    width = max(len(each.name) for each in outcomes)
    return [f"{each.name:{width}}  {'ok' if each.fine else 'FAILED':6}  {each.seconds:7.0f} s  "
            f"{each.closing}" for each in outcomes]


def prove(proofs, resume=False):
    LOGS.mkdir(parents=True, exist_ok=True)
    commit = sources()
    outcomes = []
    for proof in proofs:
        print(f"== {proof.name}: {proof.says}", flush=True)
        outcome = remembered(proof, commit) if resume else None
        when = "earlier" if outcome else "now"
        if outcome is None:
            outcome = proof.run()
            # It takes long enough for somebody to change the sources beneath it.
            remember(outcome, commit if sources() == commit else None)
        outcomes.append(outcome)
        print(f"== {proof.name}: {'ok' if outcome.fine else 'FAILED'} {when}, after "
              f"{outcome.seconds:.0f} s: {outcome.closing}", flush=True)
    print(*table(outcomes), sep="\n")
    failed = [each.name for each in outcomes if not each.fine]
    if failed:
        print(f"FAILED: {', '.join(failed)}; the output is in {LOGS.relative_to(ROOT)}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="./dev prove", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these proofs (default: all)")
    parser.add_argument("--list", action="store_true", help="what there is, in order")
    parser.add_argument("--resume", action="store_true",
                        help="go on: take over what went well with these sources already")
    options = parser.parse_args()
    known = {proof.name: proof for proof in PROOFS}
    if options.list:
        for proof in PROOFS:
            print(f"{proof.name:8} {proof.says}: {'; '.join(' '.join(s) for s in proof.steps)}")
        return 0
    strangers = [name for name in options.names if name not in known]
    if strangers:
        parser.error(f"no such proof: {', '.join(strangers)}; there are {', '.join(known)}")
    return prove([p for p in PROOFS if not options.names or p.name in options.names],
                 options.resume)


if __name__ == "__main__":
    sys.exit(main())
