"""The processes of a soak: a hub that is killed, receivers that are killed, senders that go on."""

import fcntl
import os
import pathlib
import subprocess
import sys

import load

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))

import hub_folder  # noqa: E402  (found by the line above)

BACKLOG_BYTES = 4 * 1024 * 1024  # Posted to a receiver and not in its file: enough to be always busy.
CHUNK_LINES = 256
PIPE_BYTES = 1024 * 1024
ID_AND_BLANK = 33


class Ended(Exception):
    """A process that nobody killed has ended."""


class Receiver:
    """The example of exactly-once in effect, with one file over all of its lives."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = folder
        self.work = folder.path.parent
        self.file = self.work / f"{name}.effects"
        self.endpoint = None  # A hub that was killed right at its start has left none in its folder.
        self.process = None
        self.kills = 0
        self.posted_bytes = 0  # What its file will hold in the end.

    def start(self):
        keys = self.folder.path / "keys"
        self.endpoint = self.endpoint or self.folder.endpoint()
        with open(self.work / f"{self.name}.out", "ab") as out, \
                open(self.work / f"{self.name}.err", "ab") as err:
            self.process = subprocess.Popen(
                [self.folder.bin / "example_exactly_once", keys / "hub.pub",
                 keys / f"{self.name}.key", self.endpoint, self.file], stdout=out, stderr=err)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        self.kills += 1

    def check(self):
        if self.process is not None and self.process.poll() is not None:
            raise Ended(f"receiver {self.name} ended with {self.process.returncode}: "
                        + (self.work / f"{self.name}.err").read_text()[-500:])

    def file_bytes(self):
        return self.file.stat().st_size if self.file.exists() else 0

    def waiting_bytes(self):
        return self.posted_bytes - self.file_bytes()

    def came_again(self):
        """Envelopes that came back after their effect had been written."""
        return sum(1 for line in open(self.work / f"{self.name}.out") if line.startswith("again "))


class Flow:
    """One `capstan send --lines`: one sender's texts to one receiver."""

    def __init__(self, folder, sender, receiver):
        self.sender = sender
        self.receiver = receiver
        self.posted = 0
        self.posted_to_dead = 0
        self._unwritten = b""
        self.process = folder.popen("send", receiver.name, "--as", sender, "--lines", "--wait",
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        self.pipe = self.process.stdin.fileno()
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self.pipe, False)

    def feed(self):
        """Writes more lines, as long as the receiver does not lag too far behind."""
        self.check()
        if not self._unwritten and self.receiver.waiting_bytes() < BACKLOG_BYTES:
            self._unwritten = load.lines_of(self.sender, self.posted + 1, CHUNK_LINES)
            self.posted += CHUNK_LINES
            self.receiver.posted_bytes += len(self._unwritten) + ID_AND_BLANK * CHUNK_LINES
            if self.receiver.process is None:
                self.posted_to_dead += CHUNK_LINES
        return self.flush()

    def flush(self):
        """True when everything is in the sender's hands."""
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self.pipe, self._unwritten):]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.check()
            return False
        return True

    def check(self):
        if self.process.poll() is not None:
            raise Ended(f"sender {self.sender} ended with {self.process.returncode}: "
                        + self.process.stderr.read().decode()[-500:])

    def finish(self, timeout):
        """The number that the sender says was accepted."""
        os.set_blocking(self.pipe, True)
        out, err = self.process.communicate(timeout=timeout)
        if self.process.returncode != 0:
            raise Ended(f"sender {self.sender} ended with {self.process.returncode}: "
                        + err.decode()[-500:])
        return int(out.decode().split()[-1])


class Fleet:
    def __init__(self, bin_dir, senders, receivers):
        self.folder = hub_folder.HubFolder(bin_dir)
        self.receivers = [Receiver(self.folder, f"receiver{n}") for n in range(1, receivers + 1)]
        self.senders = [f"sender{n}" for n in range(1, senders + 1)]
        self.flows = []
        self.hub_kills = 0

    def start(self):
        self.folder.start()
        self.folder.add(*self.senders, *(r.name for r in self.receivers))
        for receiver in self.receivers:
            receiver.start()
        # Each sender posts to all: an agent with several posting sessions.
        self.flows = [Flow(self.folder, s, r) for s in self.senders for r in self.receivers]

    def close(self):
        for process in [f.process for f in self.flows] + [r.process for r in self.receivers]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.folder.close()

    def kill_hub(self):
        self.folder.kill()
        self.hub_kills += 1

    def feed(self):
        for flow in self.flows:
            flow.feed()

    def check(self):
        for receiver in self.receivers:
            receiver.check()
        hub = self.folder.hub
        if hub is not None and hub.poll() is not None:
            raise Ended(f"the hub ended with {hub.returncode}: {self.folder.log_text()[-2000:]}")

    def kept_bytes(self):
        return sum(receiver.file_bytes() for receiver in self.receivers)

    def waiting_bytes(self):
        return sum(receiver.waiting_bytes() for receiver in self.receivers)
