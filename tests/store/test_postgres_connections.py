"""A connection to PostgreSQL over TCP: the kernel finds it dead within seconds when the other host is silent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import URL, make_url

from store.postgres_connections import connect


@asynccontextmanager
async def over_tcp(url: URL) -> AsyncGenerator[tuple[str, int]]:
    """Forward connections over TCP to a server, which may listen at a path only. Yields host and port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = url.query.get("host")
        to = (
            await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{url.port or 5432}")
            if folder
            else await asyncio.open_connection(url.host, url.port)
        )
        await asyncio.gather(copy(reader, to[1]), copy(to[0], writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]


async def test_kernel_finds_a_silent_host_within_seconds(postgresql_server: str) -> None:
    url = make_url(postgresql_server)
    async with over_tcp(url) as (host, port):
        connection = await connect(
            host=host, port=port, user=url.username, password=url.password, database=url.database
        )
        connected: socket.socket = connection._transport.get_extra_info("socket")
        idle, interval, count = (
            connected.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle + interval * count <= 15
        assert 0 < connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 15_000
        await connection.close()
