#!/usr/bin/python3
"""Reads the golden vectors without any of our C++: PROTOCOL.md and FORMAT.md are all it knows.

Only the msgpack parser is a library. Every vector is decoded and compared with its fields; whatever
our codec writes is encoded again here and compared octet by octet; whatever is invalid is refused.

    read_vectors.py FOLDER
"""

import json
import os
import struct
import sys

import msgpack


class Refused(Exception):
    """Carries the wire name of the error."""


def refuse(error="malformed_frame"):
    raise Refused(error)


# ---- msgpack, as PROTOCOL.md §2 uses it. ----

ELEMENTS_MAX = 4096
DEPTH_MAX = 8
# Codes of PROTOCOL.md §9 go up to here; an unknown one reads as `unavailable`.
CODES = range(32)
UNAVAILABLE = 23


def depth_of(value):
    if isinstance(value, dict):
        return 1 + max((depth_of(part) for part in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(part) for part in value), default=0)
    return 0


def parse(octets):
    """One whole msgpack object within the limits."""
    try:
        value = msgpack.unpackb(octets, raw=False, strict_map_key=False, max_ext_len=0,
                                max_array_len=ELEMENTS_MAX, max_map_len=ELEMENTS_MAX)
    except (ValueError, msgpack.exceptions.UnpackException):
        refuse()
    if depth_of(value) > DEPTH_MAX:
        refuse()
    return value


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def bin_header(octets, offset):
    """(begin, end) of the bin that begins at `offset`, or None."""
    sizes = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
    if octets[offset] not in sizes:
        return None
    form = sizes[octets[offset]]
    begin = offset + 1 + struct.calcsize(form)
    if begin > len(octets):
        return None
    end = begin + struct.unpack_from(form, octets, offset + 1)[0]
    return (begin, end) if end <= len(octets) else None


# ---- Fields: each takes what msgpack made of it, and gives what the vector's JSON says. ----

def unsigned(bits):
    def take(value):
        if type(value) is not int or not 0 <= value < 1 << bits:
            refuse()
        return value
    return take


u8, u32, u64 = unsigned(8), unsigned(32), unsigned(64)


def text(value):
    if type(value) is not str:
        refuse()
    return value


def octets_field(value):
    if type(value) is not bytes:
        refuse()
    return value.hex()


def id16(value):
    if type(value) is not bytes or len(value) != 16:
        refuse()
    return value.hex()


def texts(value):
    if type(value) is not list:
        refuse()
    return [text(part) for part in value]


def cursors(value):
    if type(value) is not list:
        refuse()
    pairs = []
    for pair in value:
        if type(pair) is not list or len(pair) < 2:
            refuse()
        pairs.append([u32(pair[0]), u64(pair[1])])
    return pairs


def flag(value):
    return value if u64(value) <= 1 else refuse()


def presences(value):
    if type(value) is not list:
        refuse()
    agents = []
    for entry in value:
        if type(entry) is not list or len(entry) < 4:
            refuse()
        state = entry[2] if u64(entry[2]) <= 2 else refuse()
        agents.append([id16(entry[0]), text(entry[1]), state, u64(entry[3])])
    return agents


def mode(value):
    return value if u64(value) <= 1 else refuse()


def since(value):
    if value is None or value == "":
        return value
    return id16(value)


def envelope_or_nil(value):
    if value is None:
        return None
    return octets_field(value) if value != b"" else refuse()


def code(value):
    return value if u64(value) in CODES else UNAVAILABLE


FRAMES = {
    1: ("hello", [("version_major", u32), ("version_minor", u32), ("features", texts),
                  ("client", text)]),
    2: ("welcome", [("version_major", u32), ("version_minor", u32), ("features", texts),
                    ("boot", id16), ("envelope_bytes_max", u64), ("batch_bytes_max", u64),
                    ("window_envelopes", u64), ("window_bytes", u64), ("heartbeat_ms", u32),
                    ("lease_ms", u32), ("operations", texts)]),
    3: ("attach", [("request_id", u64), ("session", u32), ("agent", text), ("mode", mode),
                   ("since", since), ("credit_until", u64), ("credit_bytes", u64),
                   ("epoch", u64), ("first_number", u64)]),
    4: ("send", [("session", u32), ("number", u64), ("envelope", envelope_or_nil)]),
    5: ("accept", [("session", u32), ("first_number", u64), ("count", u64), ("first_id", id16),
                   ("window_envelopes", u64), ("window_bytes", u64)]),
    6: ("notify", [("session", u32), ("delivery", u64), ("attempt", u32), ("position", u64),
                   ("envelope", octets_field)]),
    7: ("receipt", [("session", u32), ("kind", u64), ("what", None), ("credit_until", u64)]),
    8: ("error", [("session", u32), ("about", u8), ("reference", u64), ("code", code),
                  ("message", text)]),
    9: ("ping", [("nonce", u64)]),
    10: ("pong", [("nonce", u64), ("cursors", cursors)]),
    13: ("request", [("request_id", u64), ("operation", text), ("params", octets_field)]),
    14: ("response", [("request_id", u64), ("code", code), ("message", text),
                      ("result", octets_field)]),
    15: ("bye", [("code", code), ("message", text), ("session", u32)]),
    11: ("subscribe", [("request_id", u64), ("topic", text), ("boot", id16), ("version", u64)]),
    12: ("unsubscribe", [("request_id", u64), ("topic", text)]),
    16: ("presence", [("snapshot", flag), ("version", u64), ("more", flag),
                      ("agents", presences)]),
}

RECEIPT_WHAT = {0: lambda value: refuse() if value is not None else None, 1: id16, 2: u64, 3: u64,
                4: u64}
NACK = 3
NACK_REASON_BYTES_MAX = 256
# Field kinds whose JSON is hex of a bin.
HEX = (octets_field, id16, envelope_or_nil)


def decode_frame(body):
    span = bin_header(body, 0)
    assert span is not None and span[1] == len(body), "a frame vector is a row of one bin"
    array = parse(body[span[0]:span[1]]) if span[0] < span[1] else refuse()
    if type(array) is not list or not array or type(array[0]) is not int:
        refuse()
    number = u8(array[0])
    if number not in FRAMES:
        refuse("unknown_frame")
    name, schema = FRAMES[number]
    if len(array) < 1 + len(schema):
        refuse()
    fields = {"frame": name}
    for (key, take), value in zip(schema, array[1:]):
        if take is None:
            take = RECEIPT_WHAT.get(fields["kind"]) or refuse()
        fields[key] = take(value)
    if name == "receipt" and fields["kind"] == NACK:
        if len(array) < 7 or len(text(array[6]).encode()) > NACK_REASON_BYTES_MAX:
            refuse()
        fields["delay_ms"], fields["reason"] = u32(array[5]), array[6]
    return fields


def encode_frame(fields):
    number = next(n for n, (name, _) in FRAMES.items() if name == fields["frame"])
    array = [number]
    for key, take in FRAMES[number][1]:
        value = fields[key]
        if take is presences:
            value = [[bytes.fromhex(entry[0]), *entry[1:]] for entry in value]
        is_id = (take is since and value) or (take is None and fields["kind"] == 1)
        array.append(bytes.fromhex(value) if (take in HEX or is_id) and value is not None else value)
    if number == 7 and fields["kind"] == NACK:
        array += [fields["delay_ms"], fields["reason"]]
    octets = pack(array)
    return struct.pack(">BI", 0xC6, len(octets)) + octets


def decode_body(body):
    types, offset = [], 0
    while offset < len(body):
        span = bin_header(body, offset)
        if span is None:
            break
        try:
            array = parse(body[span[0]:span[1]])
            types.append(array[0])
        except Refused:
            types.append(None)
        offset = span[1]
    return {"types": types, "well_formed": offset == len(body)}


# ---- Envelopes: PROTOCOL.md §4. ----

# Offset → what stands there in every compact envelope.
FIXED_OCTETS = {0: 0x9E, 1: 0xC4, 2: 0x10, 19: 0xCF, 28: 0xC4, 29: 0x10, 46: 0xC4, 47: 0x10}
HEAD = struct.Struct(">3x16sxQ2x16s2x16s")
assert HEAD.size == 64
LONGEST = {"event_type": 128, "task_id": 128, "causation_id": 128, "trace_id": 512,
           "idempotency_key": 256}
AUDIENCE_MAX = 1024


def limited_text(key, value):
    return value if len(text(value).encode()) <= LONGEST[key] else refuse()


def is_id_text(value):
    return len(value) == 32 and all(c in "0123456789abcdef" for c in value)


def optional_id(key, value):
    if value is None:
        return None
    return id16(value) if type(value) is bytes else limited_text(key, value)


def decode_envelope(octets):
    if len(octets) < HEAD.size:
        refuse()
    for offset, octet in FIXED_OCTETS.items():
        if octets[offset] != octet:
            refuse()
    envelope_id, created_at_ns, channel_id, sender_id = HEAD.unpack_from(octets)
    whole = parse(octets)
    # The head by offsets and the head by msgpack are the same four values.
    if whole[:4] != [envelope_id, created_at_ns, channel_id, sender_id]:
        raise AssertionError("the head's layout")
    audience, event_type, data, priority, depth, ttl = whole[4:10]
    if audience is not None:
        if type(audience) is not list or len(audience) > AUDIENCE_MAX:
            refuse()
        audience = [id16(agent) for agent in audience]
    if limited_text("event_type", event_type) == "" or u64(priority) > 2:
        refuse()
    fields = {
        "envelope_id": envelope_id.hex(), "created_at_ns": created_at_ns,
        "channel_id": channel_id.hex(), "sender_id": sender_id.hex(), "audience": audience,
        "event_type": event_type, "event_data": octets_field(data), "priority": priority,
        "depth": u32(depth), "ttl_seconds": None if ttl is None else u32(ttl),
        "task_id": optional_id("task_id", whole[10]),
        "causation_id": optional_id("causation_id", whole[11]),
    }
    for key, value in (("trace_id", whole[12]), ("idempotency_key", whole[13])):
        fields[key] = None if value is None else limited_text(key, value)
    return fields


def encode_envelope(fields):
    ids = [bytes.fromhex(fields[key]) for key in ("envelope_id", "channel_id", "sender_id")]
    head = (b"\x9e\xc4\x10" + ids[0] + struct.pack(">BQ", 0xCF, fields["created_at_ns"]) +
            b"\xc4\x10" + ids[1] + b"\xc4\x10" + ids[2])
    audience = fields["audience"]
    tail = [None if audience is None else [bytes.fromhex(agent) for agent in audience],
            fields["event_type"], bytes.fromhex(fields["event_data"]), fields["priority"],
            fields["depth"], fields["ttl_seconds"]]
    for key in ("task_id", "causation_id"):
        value = fields[key]
        tail.append(bytes.fromhex(value) if value is not None and is_id_text(value) else value)
    tail += [fields["trace_id"], fields["idempotency_key"]]
    return head + b"".join(pack(value) for value in tail)


# ---- Parameters: PROTOCOL.md §7. ----

def decode_params(octets):
    return param_map(parse(octets))


def param_map(value):
    if type(value) is not dict or any(type(key) is not str for key in value):
        refuse()
    return {key: param_value(value[key]) for key in sorted(value)}


def param_value(value):
    if type(value) in (bool, str):
        return value
    if type(value) is int:
        return u64(value)
    if type(value) is bytes:
        return {"bin": value.hex()}
    if type(value) is list and value and type(value[0]) is dict:
        return [{"map": param_map(part)} for part in value]
    return texts(value)


def encode_params(fields):
    return pack({key: packable(fields[key]) for key in sorted(fields)})


def packable(value):
    if isinstance(value, dict) and "bin" in value:
        return bytes.fromhex(value["bin"])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{key: packable(part["map"][key]) for key in sorted(part["map"])} for part in value]
    return value


# ---- Records: FORMAT.md §4. ----

RECORD_HEADER = struct.Struct("<IBBH")
RECORDS = {
    3: ("settled", "<16s16sBQI", ["agent", "channel", "why", "bytes", "intervals"]),
    4: ("skipped", "<16sQQ", ["agent", "epoch", "number"]),
    5: ("segment", "<QB", ["first", "state"]),
    6: ("start", "<16sQ", ["boot", "wall_ns"]),
    7: ("gap", "<QQ", ["first", "last"]),
    11: ("duplicate", "<16sQQ16s", ["agent", "epoch", "number", "id"]),
    12: ("retry", "<16s16sQBIQIH", ["agent", "channel", "position", "priority", "attempts",
                                    "failed_at_ns", "delay_ms", "reason"]),
    14: ("dead_dropped", "<16sQ", ["agent", "dead"]),
    15: ("agent_retired", "<16sQ", ["agent", "retired_at_ns"]),
}
DEAD = "<16s16sQIQH"
AGENT = "<16s32sBBHIQQQH"
AGENT_KEYS = ["id", "key", "role", "durability", "version", "created_at_ns", "updated_at_ns",
              "registered_at_ns"]
PROFILE_KEYS = ["passport", "resume", "skill", "rule"]
MARKERS = {8: "snapshot_begin", 10: "snapshot_end"}


def take_fixed(form, payload):
    size = struct.calcsize(form)
    if len(payload) < size:
        refuse("damaged")
    return list(struct.unpack_from(form, payload)), payload[size:]


def take_sized(form, octets):
    (length,), rest = take_fixed(form, octets)
    if len(rest) < length:
        refuse("damaged")
    return rest[:length], rest[length:]


def decode_agent(payload):
    values, _ = take_fixed(AGENT, payload)
    if values.pop(4) != 0 or values[3] > 2:
        refuse("damaged")
    name, rest = take_sized("<H", payload[struct.calcsize(AGENT) - 2:])
    fields = {"record": "agent", **dict(zip(AGENT_KEYS, values)), "name": name.decode()}
    fields["id"], fields["key"] = fields["id"].hex(), fields["key"].hex()
    for key in PROFILE_KEYS:
        octets, rest = take_sized("<I", rest)
        fields[key] = octets.decode() if key == "skill" else octets.hex()
    return refuse("damaged") if rest else fields


def encode_agent(fields):
    name = fields["name"].encode()
    values = [fields[key] for key in AGENT_KEYS]
    values = [bytes.fromhex(v) if isinstance(v, str) else v for v in values]
    payload = struct.pack(AGENT, *values[:4], 0, *values[4:], len(name)) + name
    for key in PROFILE_KEYS:
        octets = fields[key].encode() if key == "skill" else bytes.fromhex(fields[key])
        payload += struct.pack("<I", len(octets)) + octets
    return payload


def decode_record(octets):
    if len(octets) < RECORD_HEADER.size:
        refuse("damaged")
    length, kind, priority, recipient_count = RECORD_HEADER.unpack_from(octets)
    payload = octets[RECORD_HEADER.size:]
    if len(payload) != length:
        refuse("damaged")
    if kind == 1:
        (position, epoch, number), rest = take_fixed("<QQQ", payload)
        if len(rest) < 16 * recipient_count or priority > 2:
            refuse("damaged")
        recipients = [rest[16 * i:16 * i + 16].hex() for i in range(recipient_count)]
        return {"record": "envelope", "position": position, "epoch": epoch, "number": number,
                "priority": priority, "recipients": recipients, "envelope": rest[16 * recipient_count:].hex()}
    if kind == 2:
        return decode_agent(payload)
    if kind == 13:
        values, rest = take_fixed(DEAD, payload)
        agent, channel, position, attempts, died_at_ns, length = values
        if len(rest) < length:
            refuse("damaged")
        return {"record": "dead", "agent": agent.hex(), "channel": channel.hex(),
                "position": position, "attempts": attempts, "died_at_ns": died_at_ns,
                "reason": rest[:length].decode(), "envelope": rest[length:].hex()}
    if kind == 9:
        (key_length,), rest = take_fixed("<I", payload)
        if len(rest) < key_length:
            refuse("damaged")
        return {"record": "snapshot_row", "key": rest[:key_length].hex(),
                "value": rest[key_length:].hex()}
    if kind in MARKERS:
        return {"record": MARKERS[kind]}
    if kind not in RECORDS:
        refuse("damaged")
    name, form, keys = RECORDS[kind]
    values, rest = take_fixed(form, payload)
    fields = {"record": name, **dict(zip(keys, values))}
    for key, value in fields.items():
        if isinstance(value, bytes):
            fields[key] = value.hex()
    if name == "retry":
        key = keys[-1]
        length, fields[key] = fields[key], rest.decode()
        rest = b"" if len(rest) == length else refuse("damaged")
    if fields.get("priority", 0) > 2:
        refuse("damaged")
    if name == "skipped" and rest:
        (fields["count"],), rest = take_fixed("<Q", rest)
        if fields["count"] < 2 or fields["number"] + fields["count"] > 2**64 - 1:
            refuse("damaged")
    if name == "settled":
        count = fields["intervals"]
        if len(rest) != 16 * count:
            refuse("damaged")
        fields["intervals"] = [list(struct.unpack_from("<QQ", rest, 16 * i)) for i in range(count)]
        rest = b""
    if rest:
        refuse("damaged")
    return fields


def encode_record(fields):
    name = fields["record"]
    recipient_count = priority = 0
    if name == "envelope":
        kind, recipient_count, priority = 1, len(fields["recipients"]), fields["priority"]
        payload = struct.pack("<QQQ", fields["position"], fields["epoch"], fields["number"])
        payload += bytes.fromhex("".join(fields["recipients"]) + fields["envelope"])
    elif name == "agent":
        kind, payload = 2, encode_agent(fields)
    elif name == "dead":
        kind, reason = 13, fields["reason"].encode()
        payload = struct.pack(DEAD, bytes.fromhex(fields["agent"]),
                              bytes.fromhex(fields["channel"]), fields["position"],
                              fields["attempts"], fields["died_at_ns"], len(reason))
        payload += reason + bytes.fromhex(fields["envelope"])
    elif name == "snapshot_row":
        kind, key = 9, bytes.fromhex(fields["key"])
        payload = struct.pack("<I", len(key)) + key + bytes.fromhex(fields["value"])
    elif name in MARKERS.values():
        kind, payload = next(n for n, marker in MARKERS.items() if marker == name), b""
    else:
        kind = next(n for n, entry in RECORDS.items() if entry[0] == name)
        _, form, keys = RECORDS[kind]
        values, rest = [fields[key] for key in keys], b""
        if name == "retry":
            rest = fields[keys[-1]].encode()
            values[-1] = len(rest)
        elif name == "settled":
            rest = b"".join(struct.pack("<QQ", *pair) for pair in fields["intervals"])
            values[-1] = len(fields["intervals"])
        elif name == "skipped" and "count" in fields:
            rest = struct.pack("<Q", fields["count"])
        values = [bytes.fromhex(v) if isinstance(v, str) else v for v in values]
        payload = struct.pack(form, *values) + rest
    return RECORD_HEADER.pack(len(payload), kind, priority, recipient_count) + payload


DECODE = {"frame": decode_frame, "body": decode_body, "envelope": decode_envelope,
          "params": decode_params, "record": decode_record}
ENCODE = {"frame": encode_frame, "envelope": encode_envelope, "params": encode_params,
          "record": encode_record}


def problems_of(vector):
    octets = bytes.fromhex(vector["hex"])
    try:
        fields = DECODE[vector["kind"]](octets)
    except Refused as refused:
        if str(refused) != vector.get("error"):
            yield f"refused as {refused}, expected {vector.get('error', 'its fields')}"
        return
    if "error" in vector:
        yield f"read as {fields}, expected {vector['error']}"
        return
    if json.dumps(fields) != json.dumps(vector["fields"]):
        yield f"read as {json.dumps(fields)}, expected {json.dumps(vector['fields'])}"
    if vector["kind"] in ENCODE:
        again = ENCODE[vector["kind"]](vector["fields"])
        if (again == octets) == ("tolerated" in vector):
            yield f"encoded again as {again.hex()}"


def main(folder):
    read, failed = 0, 0
    for name in ("frames", "envelopes", "params", "records", "invalid"):
        with open(os.path.join(folder, name + ".jsonl"), encoding="utf-8") as lines:
            for line in lines:
                vector = json.loads(line)
                read += 1
                for problem in problems_of(vector):
                    failed += 1
                    print(f"{name}.jsonl: {vector['name']}: {problem}")
    print(f"{read} vectors, {failed} problems")
    return 1 if failed or read == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))))
