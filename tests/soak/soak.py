#!/usr/bin/env python3
"""kill -9 of the hub and of receivers at random moments, under load, and an audit at the end.

Senders are `capstan send --lines`, receivers are client/examples/exactly_once.cc: processes of
their own, over TCP with CURVE, every accept synced. With --kills N the hub is killed N times, and
receivers N times. The seed decides who is killed when, measured by what has arrived.
"""

import argparse
import json
import pathlib
import random
import select
import shutil
import sys
import tempfile
import time

import audit
import fleet

SENDERS = 3
RECEIVERS = 2
POLL_S = 0.003
BYTES_BETWEEN_KILLS = 3_000_000 # At most; how much arrives before the next kill is drawn.
SILENCE_S = 60                 # Nothing arrives for so long: something is lost.


class Soak:
    def __init__(self, options):
        self.options = options
        self.rng = random.Random(options.seed)
        self.fleet = fleet.Fleet(options.bin, SENDERS, RECEIVERS)
        self.returns = {}  # Dead receiver → when it starts again.
        self.killed_both = 0
        self.remaining = 0
        self.audit = audit.Audit()
        self.accepted = 0

    # ---- Waiting, with everything in motion

    def turn(self, feed=True):
        """One look at everything; waits a moment for the next."""
        if feed:
            self.fleet.feed()
        self.fleet.check()
        now = time.monotonic()
        for receiver in [r for r, at in self.returns.items() if at <= now]:
            del self.returns[receiver]
            receiver.start()
        select.select([], [], [], POLL_S)

    def run_until(self, done, feed=True):
        """False when nothing has arrived for too long."""
        kept, since = self.fleet.kept_bytes(), time.monotonic()
        while not done():
            self.turn(feed)
            if self.fleet.kept_bytes() != kept:
                kept, since = self.fleet.kept_bytes(), time.monotonic()
            elif time.monotonic() - since > SILENCE_S:
                return False
        return True

    # ---- Kills

    def wait_for_moment(self):
        """Mostly until some more has arrived; now and then right into a start."""
        if self.rng.random() < 0.2:
            until = time.monotonic() + self.rng.uniform(0, 0.15)
            return self.run_until(lambda: time.monotonic() >= until)
        mark = self.fleet.kept_bytes() + self.rng.randrange(BYTES_BETWEEN_KILLS)
        return self.run_until(lambda: self.fleet.kept_bytes() >= mark)

    def kill_hub(self):
        self.killed_both += bool(self.returns)
        self.fleet.kill_hub()
        if self.rng.random() < 0.5:
            until = time.monotonic() + self.rng.uniform(0, 0.1)
            self.run_until(lambda: time.monotonic() >= until)
        self.fleet.folder.start_without_waiting()

    def kill_receiver(self):
        alive = [r for r in self.fleet.receivers if r.process is not None]
        if not alive:
            self.run_until(lambda: any(r.process is not None for r in self.fleet.receivers))
            alive = [r for r in self.fleet.receivers if r.process is not None]
        receiver = self.rng.choice(alive)
        receiver.kill()
        dead_s = 0 if self.rng.random() < 0.4 else self.rng.uniform(0, 0.5)
        self.returns[receiver] = time.monotonic() + dead_s

    def kill_everybody(self):
        deck = [self.kill_hub] * self.options.kills + [self.kill_receiver] * self.options.kills
        self.rng.shuffle(deck)
        for done, kill in enumerate(deck, 1):
            # One in six follows at once: the hub and a receiver, or the hub twice.
            if self.rng.randrange(6) and not self.wait_for_moment():
                return False
            kill()
            self.options.progress(done, len(deck), sum(f.posted for f in self.fleet.flows))
        return True

    # ---- The end

    def finish(self):
        """Lets everything arrive, stops the hub in order, and looks whether anything is left."""
        arrived = self.run_until(lambda: all(f.flush() for f in self.fleet.flows), feed=False)
        if arrived:
            self.accepted = sum(flow.finish(SILENCE_S) for flow in self.fleet.flows)
            arrived = self.run_until(
                lambda: not self.returns and self.fleet.waiting_bytes() <= 0, feed=False)
        folder = self.fleet.folder
        if arrived:
            self.run_until(lambda: folder.status()["pending"] == 0, feed=False)
        for receiver in self.fleet.receivers:
            if receiver.process is not None:
                receiver.process.terminate()
                receiver.process.wait()
                receiver.process = None
        code = folder.terminate()
        if code != 0:
            raise fleet.Ended(f"the hub drained with exit {code}: {folder.log_text()[-2000:]}")
        if arrived:
            self.count_remaining()

    def count_remaining(self):
        """What the hub would still deliver although its effect is in a file."""
        folder = self.fleet.folder
        folder.start()
        for receiver in self.fleet.receivers:
            rest = folder.run("listen", "--as", receiver.name, "--timeout", "0.3", check=False)
            self.remaining += len(rest.stdout.splitlines())
        folder.terminate()

    def run(self):
        begin = time.monotonic()
        self.fleet.start()
        if self.kill_everybody():
            self.finish()
        seconds = time.monotonic() - begin
        for receiver in self.fleet.receivers:
            posted = {f.sender: f.posted for f in self.fleet.flows if f.receiver is receiver}
            with open(receiver.file, encoding="utf-8", errors="replace", newline="\n") as lines:
                self.audit.take_file(receiver.file.name, lines, posted)
        return self.report(seconds)

    def report(self, seconds):
        return {
            "seed": self.options.seed,
            "kills_hub": self.fleet.hub_kills,
            "kills_receiver": sum(r.kills for r in self.fleet.receivers),
            "kills_hub_while_a_receiver_was_dead": self.killed_both,
            "posted": self.audit.posted,
            "posted_while_the_receiver_was_dead": sum(f.posted_to_dead for f in self.fleet.flows),
            "accepted": self.accepted,
            "redelivered": sum(r.came_again() for r in self.fleet.receivers),
            "remaining": self.remaining,
            "lost": self.audit.lost,
            "duplicated": self.audit.duplicated,
            "out_of_order": self.audit.out_of_order,
            "altered": self.audit.altered,
            "foreign": self.audit.foreign,
            "seconds": round(seconds, 1),
            "envelopes_per_second": round(self.audit.kept / seconds),
        }


def verdict(soak, report):
    """What is wrong, in words; empty when every promise was kept."""
    kills = soak.options.kills
    wrong = list(soak.audit.examples)
    if report["accepted"] != report["posted"]:
        wrong.append(f"{report['posted']} posted, {report['accepted']} accepted")
    if report["remaining"]:
        wrong.append(f"{report['remaining']} envelopes would come again after an orderly stop")
    if report["kills_hub"] != kills or report["kills_receiver"] != kills:
        wrong.append("not everybody was killed as often as asked")
    return wrong


def print_report(soak, report, wrong):
    print(f"kills of the hub {report['kills_hub']}, kills of receivers {report['kills_receiver']}; "
          f"hub killed while a receiver was dead {report['kills_hub_while_a_receiver_was_dead']}")
    print(f"posted {report['posted']}, accepted {report['accepted']}, posted while the receiver was "
          f"dead {report['posted_while_the_receiver_was_dead']}, redelivered after their effect "
          f"{report['redelivered']}")
    for words in wrong:
        print("WRONG:", words)
    print(soak.audit.line())
    print(f"{report['envelopes_per_second']} envelopes/s, restarts included "
          f"({report['seconds']} s)")


def show_progress(done, total, posted):
    if sys.stdout.isatty():
        print(f"\rkill {done} of {total}, {posted} envelopes posted ", end="" if done < total else "\n",
              flush=True)
    elif done % max(total // 10, 1) == 0:
        print(f"kill {done} of {total}, {posted} envelopes posted", flush=True)


def keep(soak):
    """The folder stays for a look: hub, journal, logs, what the receivers have."""
    kept = pathlib.Path(tempfile.mkdtemp(prefix="capstan-soak-")) / "kept"
    shutil.copytree(soak.fleet.folder.path.parent, kept, dirs_exist_ok=True)
    print(f"everything is in {kept}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, metavar="N",
                        help="of the hub, and of receivers (default 100)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="who is killed when (default: a random one, printed)")
    parser.add_argument("--json", action="store_true", help="one object on stdout, nothing else")
    parser.add_argument("--bin", default=pathlib.Path(__file__).parents[2] / "build" / "bin",
                        help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.progress = (lambda *_: None) if options.json else show_progress
    if not options.json:
        print(f"{SENDERS} senders, {RECEIVERS} receivers, one hub: TCP, CURVE, every accept synced "
              f"to disk; {options.kills} kills of the hub and {options.kills} of receivers, "
              f"seed {options.seed}", flush=True)
    soak = Soak(options)
    try:
        report = soak.run()
        wrong = verdict(soak, report)
        if wrong:
            keep(soak)
        if options.json:
            print(json.dumps(report | {"wrong": wrong}))
        else:
            print_report(soak, report, wrong)
        return 1 if wrong else 0
    except fleet.Ended as ended:
        keep(soak)
        print(f"soak: {ended}", file=sys.stderr)
        return 1
    finally:
        soak.fleet.close()


if __name__ == "__main__":
    sys.exit(main())
