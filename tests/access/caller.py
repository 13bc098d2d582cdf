"""A caller: someone who sends a request in a cell of the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.access.requests import Target
from tests.access.tenants import Headers, Tenants

SOCKET = "GET /participant/websocket"
CONNECT = "POST /participant/connection"


@dataclass(frozen=True)
class Caller:
    """Someone who sends a request.

    Attributes:
        who: for messages of tests.
        headers: how they prove who they are.
        socket_url: the address of their socket, for the operation that is a socket of a participant.
        is_elsewhere: whether their tokens are of another chat.
        body: their request, if that is how they prove who they are; None: as of the others.
    """

    who: str
    target: Target
    headers: Headers = field(default_factory=dict[str, str])
    socket_url: str = ""
    is_elsewhere: bool = False
    body: Any = None


Callers = Callable[[Tenants, str, str], Sequence[Caller]]
"""The callers of one kind for an operation that needs a role."""


def callers_with(target: Target, credentials: Mapping[str, Headers]) -> list[Caller]:
    return [Caller(who, target, headers) for who, headers in credentials.items()]
