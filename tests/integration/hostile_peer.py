"""A peer without a ZeroMQ library: greets as ZMTP 3.0 without encryption, then does as it likes."""

import select
import socket
import struct
import time

import msgpack

GREETING = b"\xff" + bytes(8) + b"\x7f" + bytes((3, 0)) + b"NULL".ljust(20, b"\0") + bytes(32)
HELLO = [1, 1, 0, [], "hostile"]
ANSWER_S = 20
PING_BYTES = 13  # in a body part


def body_part(*frames):
    """PROTOCOL.md §3: a row of bins, each a msgpack array."""
    return b"".join(b"\xc6" + struct.pack(">I", len(octets)) + octets
                    for octets in map(msgpack.packb, frames))


def message(body):
    """ZMTP: one long frame, the last of its message."""
    return b"\x02" + struct.pack(">Q", len(body)) + body


class HostilePeer:
    def __init__(self, endpoint):
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        self.address = (host, int(port))
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(self.address, timeout=10)
        self.socket.sendall(GREETING)
        self.read(64)
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
        self.socket.sendall(b"\x04" + bytes((len(ready),)) + ready)
        self.read(2)
        self.socket.sendall(message(body_part(HELLO)))
        self.socket.setblocking(False)

    def read(self, count):
        while count > 0:
            got = self.socket.recv(count)
            if not got:
                raise ConnectionError("the hub hung up during the greeting")
            count -= len(got)

    def send_for(self, seconds, messages):
        """Sends these messages over and over, never reads, and comes back when it is cut off.

        Returns how many octets it got rid of.
        """
        until, taken = time.monotonic() + seconds, 0
        octets = b"".join(messages)
        left = memoryview(octets)
        while time.monotonic() < until:
            if not select.select([], [self.socket], [], 0.1)[1]:
                continue
            try:
                sent = self.socket.send(left)
            except BlockingIOError:
                continue
            except OSError:
                self.socket.close()
                self.connect()
                left = memoryview(octets)
                continue
            taken += sent
            left = left[sent:] or memoryview(octets)
        return taken

    def ask_in_turn(self, seconds, bodies):
        """Sends these body parts in turn, a ping at the end of each, and reads what comes until the
        ping is answered: then the hub has one of them at a time. What a whole pipe of them would
        take is libzmq's (THREATS.md §5.8).

        Returns how many octets it got rid of.
        """
        until, taken, turn = time.monotonic() + seconds, 0, 0
        while time.monotonic() < until:
            nonce = struct.pack(">Q", (1 << 63) + turn)
            ping = b"\x92\x09\xcf" + nonce
            octets = message(bodies[turn % len(bodies)] + b"\xc4" + bytes((len(ping),)) + ping)
            self.send_and_read_until(octets, nonce)
            taken += len(octets)
            turn += 1
        return taken

    def send_and_read_until(self, octets, end):
        left, heard = memoryview(octets), b""
        while left or end not in heard:
            readable, writable, _ = select.select([self.socket], [self.socket] if left else [], [],
                                                  ANSWER_S)
            if not readable and not writable:
                raise TimeoutError("the hub does not answer a ping")
            if writable:
                left = left[self.socket.send(left):]
            if readable:
                got = self.socket.recv(1 << 20)
                if not got:
                    raise ConnectionError("the hub hung up")
                heard = heard[-len(end):] + got

    def close(self):
        self.socket.close()
