#!/usr/bin/env python3
"""Installs the build, builds the consumer against what was installed and nothing else, and lets it
talk to the installed hub.

usage: install_test.py BUILD_FOLDER [CMAKE_ARGUMENT...]    (the arguments are for the consumer)
"""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import hub_folder  # noqa: E402 (a module of the folder beside)


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=280, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout


def same(got, expected):
    if got != expected:
        sys.exit(f"expected {expected!r}, got {got!r}")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    work = build / "install-test"
    prefix, consumer = work / "prefix", work / "consumer"
    # A file that is no longer installed must not be found.
    shutil.rmtree(work, ignore_errors=True)
    run("cmake", "--install", build, "--prefix", prefix)
    run("cmake", "-S", HERE / "consumer", "-B", consumer, "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}", *sys.argv[2:])
    run("cmake", "--build", consumer)
    for file in sorted(prefix.rglob("*.cmake")):
        if str(HERE.parents[1]) in file.read_text().replace(str(prefix), ""):
            sys.exit(f"{file} names the folder that it was built in")

    hub = hub_folder.HubFolder(prefix / "bin")
    try:
        same(run(consumer / "consumer_hub", hub.path.parent / "journal"), "found again\n")
        hub.start()
        hub.add("alice")
        endpoint = (hub.path / "run" / "endpoint").read_text().strip()
        same(run(consumer / "consumer_mail", hub.path / "keys" / "hub.pub",
                 hub.path / "keys" / "alice.key", endpoint), "from an installed library\n")
        same(hub.terminate(), 0)
    finally:
        hub.close()


if __name__ == "__main__":
    main()
