"""Signals, updates and queries, straight to the workflows of conversations."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any
from uuid import UUID

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import RawValue
from temporalio.service import RPCError, RPCStatusCode

from fuzz.attempts import Attempt, shown
from fuzz.encodings import LARGEST
from fuzz.exchange import ANSWER_SECONDS
from fuzz.mutations import mutated
from fuzz.values import anything, text
from fuzz.world import World

BODIES: dict[str, Any] = {
    "message": {"content": "hello", "content_type": "text/plain", "by": "customer"},
    "connect": {"by": "customer"},
    "disconnect": {"by": "customer", "since": "2026-01-31T23:59:59Z"},
    "assign": {"user": "a1", "name": "Agent One", "by": "operator"},
    "transfer": {"contact_id": "next", "queue": "live", "user": "a1", "name": "Agent One", "by": "operator"},
    "release": {"by": "operator"},
    "invite": {"participant_id": "bot", "name": "Bot"},
    "leave": {"by": "bot"},
    "park": {"by": "operator"},
    "resume": {"user": "a1", "name": "Agent One"},
    "end": {"by": "operator", "at": "2026-01-31T23:59:59Z"},
    "close": {"by": "operator"},
    "configure": {"timers": [{"role": "CUSTOMER", "kind": "IDLE", "limit": 300}]},
    "position": {"position": 1, "average_wait": 10.5},
    "offer": {"offer_id": "offer", "user": "a1", "name": "Agent One", "until": "2099-01-01T00:00:00Z"},
    "accept": {"offer_id": "offer"},
    "reject": {"offer_id": "offer"},
    "withdraw": {"offer_id": "offer"},
    "renew": {},
}
"""The documented signals, each with a valid body."""

ENDING = frozenset({"end", "close"})
QUERIES = ("status", "__stack_trace", "__enhanced_stack_trace", "__temporal_workflow_metadata", "nothing")
ENCODINGS = (b"json/plain", b"binary/plain", b"binary/null", b"json/protobuf", b"binary/protobuf", b"nonsense", b"\xff")

REFUSALS = frozenset(
    {
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.NOT_FOUND,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
    }
)
"""With these Temporal itself refuses a request."""


class Signals:
    """Attempts at the workflows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def attempt(self, random: Random, world: World) -> Attempt:
        """See `Kind`."""
        handle = self._client.get_workflow_handle(world.chats(random))
        kind = random.choice(("signal", "signal", "signal", "update", "query"))
        name, payloads = _inputs(kind, random)
        sent = f"{kind} {name[:200]!r} to {handle.id}: " + "; ".join(shown(each.data) for each in payloads)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await _send(handle, kind, name, [RawValue(each) for each in payloads], random)
        except (WorkflowUpdateFailedError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
            return Attempt(kind, "refused", sent=sent)
        except RPCError as error:
            wrong = None if error.status in REFUSALS else f"{error.status.name}: {error}"
            return Attempt(kind, error.status.name, wrong, sent)
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            return Attempt(kind, "no answer", f"no answer within {ANSWER_SECONDS:.0f} s", sent)
        return Attempt(kind, "done", sent=sent)


async def _send(handle: WorkflowHandle[Any, Any], kind: str, name: str, inputs: list[RawValue], random: Random) -> None:
    match kind:
        case "signal":
            await handle.signal(name, args=inputs)
        case "query":
            await handle.query(name, args=inputs)
        case _:
            await handle.execute_update(name, args=inputs, id=str(UUID(int=random.getrandbits(128))))


def _inputs(kind: str, random: Random) -> tuple[str, list[Payload]]:
    event = random.choice([name for name in BODIES if name not in ENDING or random.random() < 0.3])
    body: Any = BODIES[event]
    if kind == "update":
        body = {"command": {"kind": event, **body}}
    if random.random() < 0.7:
        body = mutated(body, random, random.choice((1, 1, 2, 4)))
    names = {"signal": event, "update": "ask", "query": random.choice(QUERIES)}
    name = names[kind] if random.random() < 0.9 else text(random)[:900].encode("utf-8", "replace").decode()
    if kind == "query" and random.random() < 0.6:
        return name, []
    return name, _payloads(body, random)


def _payloads(body: Any, random: Random) -> list[Payload]:
    if random.random() < 0.85:
        return [_payload(b"json/plain", json.dumps(body).encode())]
    match random.randrange(5):
        case 0:
            return []
        case 1:
            return [_payload(b"json/plain", json.dumps(anything(random)).encode()[:1_000_000]) for _ in range(3)]
        case 2:
            return [_payload(random.choice(ENCODINGS), json.dumps(body).encode())]
        case 3:
            return [
                _payload(
                    b"json/plain", random.choice((b"{", b"\xff\xfe", b'{"a":' * 20_000, b"NaN", b'"\\ud800"', b""))
                )
            ]
        case _:
            return [Payload(data=random.randbytes(100))]


def _payload(encoding: bytes, data: bytes) -> Payload:
    # Temporal refuses a signal of more than 2 MB, but an update only after its workflow task has failed for 20 s
    return Payload(metadata={"encoding": encoding}, data=data[:LARGEST])
