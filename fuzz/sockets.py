"""Both kinds of sockets: handshakes and frames, and whether the socket still serves afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fuzz import frames
from fuzz.attempts import Attempt, shown
from fuzz.credentials import CallerKind, Proof, changed, expired
from fuzz.exchange import ANSWER_SECONDS, NoAnswer, Received, read_answer, request_bytes
from fuzz.frames import AGENT_PING, HEARTBEAT, SUBSCRIBE
from fuzz.judgement import problem
from fuzz.product import HOST
from fuzz.world import NotMade, World

HONEST = 0.8
BAD_CLOSES = frozenset({1005, 1006, 1011, 1015})
"""Codes that nobody may send, and that of an unexpected error."""

REFUSED = Proof({}, tenant="")

HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
STRANGE = (
    {"sec-websocket-key": "short"},
    {"sec-websocket-version": "7"},
    {"sec-websocket-extensions": "permessage-deflate; x=" + "y" * 2_000},
    {"sec-websocket-protocol": ",,,"},
    {"upgrade": "websocket, h2c"},
    {"host": "evil.example"},
    {"origin": "https://evil.example"},
    {"x-long": "x" * 9_000},
    {"connection": "keep-alive"},
)


class Handshake(NamedTuple):
    """The opening of a socket, and whether it may succeed."""

    target: str
    headers: Mapping[str, str]
    may_open: bool = True


class SocketFrames:
    """Attempts at the sockets of customers and agents."""

    async def attempt(self, random: Random, world: World) -> Attempt:
        """See `Kind`."""
        is_agent = random.random() < 0.4
        what = "agent socket" if is_agent else "participant socket"
        try:
            handshake = await (_of_agent if is_agent else _of_participant)(random, world)
        except NotMade:
            return Attempt(what, "over")  # its chat or its agent ended meanwhile
        if random.random() > HONEST:
            handshake = handshake._replace(headers={**handshake.headers, **random.choice(STRANGE)})
        pieces = [
            frames.hostile(random, (AGENT_PING,) if is_agent else (SUBSCRIBE, HEARTBEAT))
            for _ in range(random.randrange(6))
        ]
        sent, is_legal = b"".join(piece.sent for piece in pieces), all(piece.is_legal for piece in pieces)
        opening = request_bytes("GET", handshake.target, {"host": world.host, **HANDSHAKE, **handshake.headers})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, wrong = await _talk(world.port, handshake.target, opening, sent, is_agent, is_legal)
        except TimeoutError:
            status, wrong = "no answer", f"it neither answers nor ends within {ANSWER_SECONDS:.0f} s"
        except (NoAnswer, ValueError, OSError, EOFError) as failed:
            status, wrong = "no answer", str(failed)
        if status == "open" and not handshake.may_open:
            wrong = "the socket opens without valid credentials"
        if status == "closed" and is_legal and wrong is None and handshake.may_open:
            status = "closed early"
        return Attempt(what, status, wrong, shown(opening + sent))


async def _talk(
    port: int, target: str, opening: bytes, sent: bytes, is_agent: bool, is_legal: bool
) -> tuple[str, str | None]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(opening)
        answer = await _opened(reader)
        if answer.status != 101:
            return str(answer.status), _wrong_refusal(answer, target)
        last = frames.of_json(AGENT_PING) if is_agent else frames.of_json(SUBSCRIBE) + frames.of_json(HEARTBEAT)
        with suppress(ConnectionError):
            writer.write(sent + last)
            await writer.drain()
            if not is_legal:
                writer.write_eof()  # it may be a part of a frame, and then only its end is answered
        return await _until_served(reader, '"pong"' if is_agent else '"aws/heartbeat"')
    finally:
        writer.close()


async def _opened(reader: asyncio.StreamReader) -> Received:
    """The answer to the handshake. Frames may follow at once, so no byte behind its head is read."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 101"):
        return Received(status=101, is_whole=True)
    return await read_answer(reader, begun=head)


def _wrong_refusal(answer: Received, target: str) -> str | None:
    if not answer.is_whole:
        return f"the refusal {answer.status} has no end"
    wrong = problem(answer, target, REFUSED)
    return wrong and f"{wrong}; {answer.status} {answer.headers} {shown(answer.body)}"


async def _until_served(reader: asyncio.StreamReader, sign: str) -> tuple[str, str | None]:
    while True:
        found = await frames.read_frame(reader)
        if found is None:
            return "closed", None
        if found.opcode == frames.CLOSE:
            code = int.from_bytes(found.payload[:2], "big")
            return "closed", f"it is closed with {code}" if code in BAD_CLOSES else None
        if found.opcode == frames.TEXT:
            value = json.loads(found.payload)
            if sign in json.dumps(value.get("topic", value.get("type"))):
                return "open", None


async def _of_participant(random: Random, world: World) -> Handshake:
    connection = await world.connect(world.token(CallerKind.PARTICIPANT.value, random))
    address = urlsplit(connection["Websocket"]["Url"])
    return _spoiled(Handshake(f"{address.path}?{address.query}", {}), "token", random, world)


async def _of_agent(random: Random, world: World) -> Handshake:
    token = world.token(CallerKind.AGENT.value, random)
    ticket: Any = await world.call("POST", "/v1/agent/socket-ticket", None, authorization=f"Bearer {token}")
    after = random.choice(
        ("", "", "&after=0", "&after=-1", "&after=99999999999999999999", "&after=x", "&after=9223372036854775808")
    )
    if random.random() < 0.3:
        return Handshake(f"/v1/agent/socket?{after[1:]}", {"authorization": f"Bearer {token}"})
    handshake = _spoiled(Handshake(f"/v1/agent/socket?ticket={ticket['ticket']}", {}), "ticket", random, world)
    return handshake._replace(target=handshake.target + after)


def _spoiled(handshake: Handshake, name: str, random: Random, world: World) -> Handshake:
    """The same, or with a token in the address that opens nothing."""
    if random.random() < HONEST:
        return handshake
    path, _, token = handshake.target.partition(f"?{name}=")
    bad = random.choice(
        (expired(token), changed(token, exp=10**30), token[:-2], "", "%00", world.token(CallerKind.AGENT.value, random))
    )
    return Handshake(f"{path}?{name}={bad}", {}, may_open=False)
