"""Connections to PostgreSQL that notice by themselves when the other side is gone."""

from __future__ import annotations

import socket
from typing import Any

import asyncpg

CONNECT_SECONDS = 5
"""How long a connect may take."""

_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
"""The kernel finds a connection dead whose host has been silent for about ten seconds, also one that is not in use. After a
failover the old host answers no more, and without this a connection would wait for hours. A system may lack some options."""


async def connect(*arguments: Any, **options: Any) -> Any:
    """Open a connection. Takes the arguments of `asyncpg.connect`.

    Raises:
        OSError: the server is unreachable, or did not answer within `CONNECT_SECONDS`.
        PostgresError: the server refuses the connection.
    """
    connection: Any = await asyncpg.connect(*arguments, timeout=CONNECT_SECONDS, **options)
    _keep_alive(connection._transport.get_extra_info("socket"))
    return connection


def _keep_alive(connected: socket.socket) -> None:
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if option := getattr(socket, name, None):
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
