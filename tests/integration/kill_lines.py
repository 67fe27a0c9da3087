#!/usr/bin/env python3
"""Carries lines from `capstan send --lines` to `capstan listen` while the hub is killed with -9.

The listener's output must be the sender's input, byte for byte. Kills come at random moments; the
seed is printed and replays the same distances.
"""

import argparse
import filecmp
import pathlib
import random
import subprocess
import sys
import time

import hub_folder

END_TIMEOUT_S = 900


def write_lines(path, count):
    with open(path, "w", encoding="ascii") as out:
        for first in range(1, count + 1, 100_000):
            last = min(first + 100_000, count + 1)
            out.write("".join(f"line {n} of the experiment\n" for n in range(first, last)))


def carry(folder, lines, kills, rng, verbose):
    """Returns how often the hub was killed while lines were on their way."""
    work = folder.path.parent
    source, target = work / "input", work / "output"
    write_lines(source, lines)
    with open(target, "wb") as out:
        listener = folder.popen("listen", "--as", "bob", "--count", str(lines), "--timeout", "120",
                                stdout=out)
        sender = folder.popen("send", "bob", "--as", "alice", "--lines", "--file", str(source),
                              stdout=subprocess.PIPE, text=True)
        size = source.stat().st_size
        # Each kill waits until a random further share of the output has come.
        marks = sorted(rng.uniform(0.02, 0.97) for _ in range(kills))
        killed = 0
        until = time.monotonic() + END_TIMEOUT_S
        while listener.poll() is None and time.monotonic() < until:
            if killed < kills and target.stat().st_size >= marks[killed] * size:
                folder.kill()
                folder.start_without_waiting()
                killed += 1
                if verbose:
                    print(f"kill {killed} of {kills} at {target.stat().st_size * 100 // size} %",
                          flush=True)
            try:
                listener.wait(timeout=0.005)
            except subprocess.TimeoutExpired:
                pass
        listener_exit = listener.wait(timeout=10)
        accepted = sender.communicate(timeout=60)[0].strip().splitlines()[-1]
    assert listener_exit == 0, f"listen ended with {listener_exit}: {folder.log_text()[-2000:]}"
    assert sender.returncode == 0, f"send ended with {sender.returncode}"
    assert accepted == f"accepted {lines}", accepted
    assert filecmp.cmp(source, target, shallow=False), "the output is not the input"
    return killed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=pathlib.Path(__file__).parents[2] / "build" / "bin")
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"{options.lines} lines, {options.kills} kills, seed {options.seed}", flush=True)
    folder = hub_folder.HubFolder(options.bin)
    try:
        folder.start()
        folder.add("alice", "bob")
        begin = time.monotonic()
        killed = carry(folder, options.lines, options.kills, random.Random(options.seed), True)
        seconds = time.monotonic() - begin
        print(f"output identical to the input: {options.lines} lines through {killed} hub kills in "
              f"{seconds:.1f} s ({options.lines / seconds:.0f} lines/s)")
        return 0 if killed == options.kills else 1
    finally:
        folder.close()


if __name__ == "__main__":
    sys.exit(main())
