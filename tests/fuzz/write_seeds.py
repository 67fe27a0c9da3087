#!/usr/bin/env python3
"""Writes what each fuzz target starts from: the golden and the invalid vectors, and a few inputs
made here of the kinds that have no vectors.

usage: write_seeds.py FOLDER        (one folder per target is made in it)
"""

import hashlib
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "vectors")
CONFIG = os.path.join(HERE, "..", "..", "configs", "capstan.toml")
ADMITTED_KEY = b"b" * 32  # zap_fuzz.cc admits it.


def vectors():
    """(kind, bytes) of every vector."""
    for name in sorted(os.listdir(VECTORS)):
        if not name.endswith(".jsonl"):
            continue
        with open(os.path.join(VECTORS, name), encoding="utf-8") as lines:
            for line in lines:
                vector = json.loads(line)
                yield vector["kind"], bytes.fromhex(vector["hex"])


def frame_seeds():
    for kind, data in vectors():
        if kind != "record":
            yield data
        if kind == "frame" and data[:1] == b"\xc4":
            yield data[2:]
        if kind == "frame" and data[:1] == b"\xc6":
            yield data[5:]


def block(records, count, minor=0, extra_header=b"", flags=3):
    """A block's bytes; the target puts both checksums right. FORMAT.md section 3."""
    header_bytes = 120 + len(extra_header)
    header = b"CAPSTANB" + struct.pack("<HHI", 1, minor, header_bytes)
    header += struct.pack("<QIIQQII", 7, 0, 1, 1, count, count, flags)
    header += struct.pack("<QQQ", 1000, 2000, 3000)
    header += struct.pack("<QQQQ", len(records), 0, 0, 0)
    return header + extra_header + bytes(8) + records


def is_envelope(record):
    return len(record) > 8 and record[:5] == struct.pack("<IB", len(record) - 8, 1)


def left_out(count):
    return struct.pack("<IBBHI", 4, 255, 0, 0, count)


def thinned_seeds(record):
    """Blocks with few of their records, as they stand in cold/. FORMAT.md section 10."""
    yield block(left_out(2) + record + left_out(1), 4, flags=4)
    yield block(record + left_out(7) + record, 9, flags=4)
    yield block(left_out(1) + left_out(1), 2, flags=4)
    yield block(left_out(0) + record, 1, flags=4)
    yield block(record + left_out(3)[:-1], 4, flags=4)


def block_seeds():
    records = [data for kind, data in vectors() if kind == "record"]
    yield from thinned_seeds(next(record for record in records if is_envelope(record)))
    for record in records:
        yield record
        yield record[8:]
        yield block(record, 1)
    yield block(b"".join(records[:4]), 4)
    yield block(records[0], 1, minor=1, extra_header=bytes(8))
    yield block(records[0], 1)[:100]
    yield b"CAPSTANG" + struct.pack("<QQQQ", 1, 5, 9, 0)
    yield b"CAPSTANG" + struct.pack("<QQQQ", 1, 9, 5, 0)
    yield b"CAPSTANW" + struct.pack("<QQQQQQQ", 1, 7, 40, 3, 2000, 0, 0)


def zap(*frames):
    return b"".join(bytes([len(frame)]) + frame for frame in frames)


def zap_seeds():
    def request(mechanism, *credentials, version=b"1.0", domain=b"capstan"):
        return zap(version, b"1", domain, b"127.0.0.1", b"", mechanism, *credentials)

    yield b""
    yield request(b"CURVE", ADMITTED_KEY)
    yield request(b"CURVE", b"c" * 32)
    yield request(b"CURVE", ADMITTED_KEY[:31])
    yield request(b"CURVE", ADMITTED_KEY, domain=b"other")
    yield request(b"CURVE", ADMITTED_KEY, version=b"1.1")
    yield request(b"CURVE")
    yield request(b"NULL")
    yield request(b"NULL", b"")
    yield request(b"PLAIN", b"user", b"password")
    yield request(b"GSSAPI", b"principal")
    yield request(b"NONE")
    yield zap(b"1.0", b"1")
    yield zap(b"1.0", b"i" * 255, b"capstan", b"a" * 255, b"x" * 255, b"NULL")


def config_seeds():
    with open(CONFIG, encoding="utf-8") as file:
        text = file.read()
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    yield "\n".join(lines)
    section = ""
    for line in lines:
        if line.startswith("["):
            section = line
        else:
            yield f"{section}\n{line}\n"
            for number in (-1, 0, 2**62):
                yield f"{section}\n{line.split('=')[0]}= {number}\n"
    yield "[listen]\nendpoint = 'tcp://[::1]:0'\n"
    yield "[listen]\nendpoint = 'ipc:///run/capstan.sock'\n[security]\ncurve = false\n"
    yield "[listen]\nendpoint = 'tcp://*:7450'\n[security]\ncurve = false\ninsecure = true\n"
    yield "[journal]\nsegment_bytes_max = '1 GiB'\ndirectory = \"\\u0061\"\n"
    yield "[delivery]\nlease_ms = 0x2710\nheartbeat_ms = 1_000\n"
    yield "level = 'warn'\n[logg]\n[log]\nlevl = 1\nlevel = 'loud'\n"
    yield "a = [1, 'x', [2.5], {b = 1979-05-27}]\n'''\n'''\n"
    yield "[\"\\n\"]\n\"a\\nb\" = 1\n"


SEEDS = {
    "frame": frame_seeds,
    "block": block_seeds,
    "zap": zap_seeds,
    "config": lambda: (text.encode() for text in config_seeds()),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, seeds in SEEDS.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for seed in seeds():
            with open(os.path.join(folder, hashlib.sha1(seed).hexdigest()), "wb") as file:
                file.write(seed)


if __name__ == "__main__":
    main()
