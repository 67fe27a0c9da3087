"""A hub's folder, its daemon and its command line, for tests: real processes, real sockets."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

START_TIMEOUT_S = 20


class HubFolder:
    """One folder and at most one running hub. Ports are picked by `init`, never fixed."""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self._temporary = tempfile.TemporaryDirectory(prefix="capstan-test-")
        self.path = pathlib.Path(self._temporary.name) / "hub"
        self.hub = None
        self.run("init", str(self.path), "--listen", "tcp://127.0.0.1:0", folder=False)

    def close(self):
        if self.hub is not None:
            self.kill()
        self._temporary.cleanup()

    def command(self, *arguments, folder=True):
        options = ["--dir", str(self.path)] if folder else []
        return [str(self.bin / "capstan"), *arguments, *options]

    def run(self, *arguments, check=True, folder=True, timeout=60, **options):
        """Runs one command to its end; the finished process with text output."""
        done = subprocess.run(self.command(*arguments, folder=folder), capture_output=True,
                              text=True, timeout=timeout, check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def popen(self, *arguments, **options):
        return subprocess.Popen(self.command(*arguments), **options)

    def start(self):
        """Starts the hub and returns when it answers: ready to accept, unless its disk is full."""
        self.start_without_waiting()
        self._wait_until(lambda: "boot_id" in self._status())

    def start_without_waiting(self):
        log = open(self.path.parent / "hub.log", "ab")
        self.hub = subprocess.Popen([str(self.bin / "capstand"), "--dir", str(self.path)],
                                    stdout=log, stderr=log)
        log.close()

    def kill(self):
        """kill -9, and wait until the kernel has taken everything back."""
        self.hub.send_signal(signal.SIGKILL)
        self.hub.wait()
        self.hub = None

    def terminate(self):
        self.hub.send_signal(signal.SIGTERM)
        code = self.hub.wait(timeout=START_TIMEOUT_S)
        self.hub = None
        return code

    def status(self):
        status = self._status("--connect-timeout", str(START_TIMEOUT_S))
        if "error" in status:
            raise AssertionError(status["error"])
        return status

    def _status(self, *more):
        return json.loads(self.run("status", "--json", *more, check=False).stdout)

    def endpoint(self):
        """Where the hub listens, once it does."""
        path = self.path / "run" / "endpoint"
        self._wait_until(path.exists)
        return path.read_text().strip()

    def _wait_until(self, condition):
        until = time.monotonic() + START_TIMEOUT_S
        while not condition():
            if self.hub is None or self.hub.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the hub did not start: {self.log_text()}")

    def add(self, *names):
        for name in names:
            self.run("agent", "add", name)

    def log_text(self):
        return (self.path.parent / "hub.log").read_text(errors="replace")


def bin_dir():
    """Where the programs are: $CAPSTAN_BIN, set by the build."""
    return os.environ["CAPSTAN_BIN"]
