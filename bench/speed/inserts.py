"""F3: plain inserts into the product's store, without engine, HTTP and sockets."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from itertools import count
from time import perf_counter

import asyncpg

from bench.speed.measurements import Load

ROWS_AT_ONCE = 100
"""Rows of a batched transaction."""
CONNECTIONS = 10
"""Connections to PostgreSQL, as many as the product has by default."""

TABLE = "CREATE TABLE IF NOT EXISTS plain_inserts (chat TEXT, seq INTEGER, text TEXT, PRIMARY KEY (chat, seq))"

Row = tuple[str, int, str]
Insert = Callable[[Sequence[Row]], Awaitable[None]]
"""Inserts rows in one transaction."""

_numbers = count()


async def insert_load(store: str, chats: int, messages: int, rows_at_once: int) -> Load:
    """Insert the messages of chats.

    Args:
        store: the URL of the store.
        chats: as many senders insert at the same time.
        messages: the messages of each chat.
        rows_at_once: how many rows, of different chats, share a transaction.
    """
    run = next(_numbers)
    senders = range(0, chats, rows_at_once)

    async def send_all(first: int) -> None:
        for seq in range(messages):
            await insert([(f"{run}-{chat}", seq, f"message {seq}") for chat in range(first, first + rows_at_once)])

    async with _opened(store) as insert:
        began = perf_counter()
        await asyncio.gather(*(send_all(first) for first in senders))
        seconds = perf_counter() - began
    return Load(chats * messages, seconds, seconds, {})


@asynccontextmanager
async def _opened(store: str) -> AsyncGenerator[Insert, None]:
    opened = _sqlite if store.startswith("sqlite:") else _postgres
    async with opened(store) as insert:
        yield insert


@asynccontextmanager
async def _sqlite(store: str) -> AsyncGenerator[Insert, None]:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        # the journal is a property of the file, the waiting for the disk one of the connection
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(TABLE)

        async def insert(rows: Sequence[Row]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO plain_inserts VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")

        yield insert


@asynccontextmanager
async def _postgres(store: str) -> AsyncGenerator[Insert, None]:
    async with asyncpg.create_pool(store, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(TABLE)

        async def insert(rows: Sequence[Row]) -> None:
            # one statement with all rows is a transaction of its own
            columns = [list(column) for column in zip(*rows, strict=True)]
            await pool.execute(
                "INSERT INTO plain_inserts SELECT * FROM unnest($1::text[], $2::int[], $3::text[])", *columns
            )

        yield insert
