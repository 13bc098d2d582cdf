"""Frames of WebSockets as bytes, right and wrong ones (RFC 6455)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from fuzz.mutations import mutated
from fuzz.values import anything, text

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LARGEST = 64 * 1024
MASK = b"\x11\x22\x33\x44"

SUBSCRIBE = {"topic": "aws/subscribe", "content": {"topics": ["aws/chat"]}}
HEARTBEAT = {"topic": "aws/heartbeat"}
AGENT_PING = {"type": "ping"}


class Frames(NamedTuple):
    """Some frames, and whether the socket has to stay open after them."""

    sent: bytes
    is_legal: bool


class ServerFrame(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, reserved: int = 0, mask: bool = True) -> bytes:
    """Return a frame. Clients must mask theirs."""
    size = len(payload)
    head = bytes([last << 7 | reserved << 4 | opcode])
    masked = 0x80 if mask else 0
    if size < 126:
        head += bytes([masked | size])
    elif size < 1 << 16:
        head += bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    repeated = (MASK * (size // 4 + 1))[:size]
    return head + MASK + bytes(a ^ b for a, b in zip(payload, repeated, strict=True))


def of_json(value: object) -> bytes:
    """Return a text frame."""
    return frame(TEXT, json.dumps(value).encode())


def hostile(random: Random, topics: Sequence[object]) -> Frames:
    """Return some frames: of the protocol, nearly, or of none."""
    match random.randrange(14):
        case 0:
            return Frames(frame(TEXT, text(random).encode("utf-8", "replace")[:LARGEST]), True)
        case 1:
            return Frames(frame(TEXT, json.dumps(anything(random)).encode()[:LARGEST]), True)
        case 2 | 3:
            value = mutated(random.choice(topics), random, 1)
            return Frames(frame(TEXT, json.dumps(value).encode()[:LARGEST]), True)
        case 4:
            return Frames(frame(BINARY, random.randbytes(random.choice((0, 1, 4_000)))), True)
        case 5:
            return Frames(frame(random.choice((PING, PONG)), b"x" * random.choice((0, 125))), True)
        case 6:
            return Frames(_fragments(random), True)
        case 7:
            return Frames(frame(TEXT, b"[" * LARGEST), True)
        case 8:
            return Frames(frame(TEXT, b"x" * (LARGEST + 1)), False)
        case 9:
            return Frames(frame(TEXT, random.choice((b"\xff", b"\xed\xa0\x80", b"\xc0\x80"))), False)
        case 10:
            return Frames(
                frame(CLOSE, random.choice((b"", b"\x03", b"\x03\xe8bye", b"\x00\x00", b"\x03\xed", b"\x03\xe8\xff"))),
                False,
            )
        case 11:
            return Frames(_breach(random), False)
        case 12:
            return Frames(b"\x81\xff" + random.choice((b"\xff" * 8, b"\x00\x00\x00\x7f" + b"\xff" * 4)), False)
        case _:
            return Frames(random.randbytes(40), False)


def _fragments(random: Random) -> bytes:
    """A heartbeat in many pieces, with a ping between them."""
    plain = json.dumps(HEARTBEAT).encode()
    at = random.randrange(1, len(plain))
    pieces = [frame(CONTINUATION, plain[at : at + 1], last=False) for at in range(at, len(plain))]
    return b"".join([frame(TEXT, plain[:at], last=False), frame(PING, b"between"), *pieces, frame(CONTINUATION)])


def _breach(random: Random) -> bytes:
    return random.choice(
        (
            frame(TEXT, b"unmasked", mask=False),
            frame(TEXT, b"reserved", reserved=4),
            frame(3, b"unknown"),
            frame(11),
            frame(PING, b"x" * 126),
            frame(PING, last=False),
            frame(CONTINUATION, b"of nothing"),
            frame(TEXT, b"a", last=False) + frame(TEXT, b"b"),
            frame(TEXT, b"a", last=False) + frame(CONTINUATION, b"x" * LARGEST),
        )
    )


async def read_frame(reader: asyncio.StreamReader) -> ServerFrame | None:
    """Return the next frame of the server; None at the end of the connection.

    Raises:
        ValueError: it is masked, a fragment, or has reserved bits.
    """
    try:
        first, second = await reader.readexactly(2)
        if second & 0x80 or first & 0x70 or not first & 0x80:
            raise ValueError(f"the server sends the frame head {first:#x} {second:#x}")
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        return ServerFrame(first & 0x0F, await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
