"""The store, read only, as another program finds it: by SQL, in one snapshot."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import asyncpg

Row = Mapping[str, Any]
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, sqlite3.Error)
"""What reading raises while the store is away."""
TIMEOUT_SECONDS = 30


async def read(store: str, **queries: str) -> dict[str, list[Row]]:
    """The rows of some queries, all of the same instant."""
    if store.startswith("sqlite:"):
        return _read_sqlite("/" + urlsplit(store).path.lstrip("/"), queries)
    connection = await asyncpg.connect(store, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {name: [dict(row) for row in await connection.fetch(query)] for name, query in queries.items()}
    finally:
        await connection.close(timeout=TIMEOUT_SECONDS)


def _read_sqlite(path: str, queries: Mapping[str, str]) -> dict[str, list[Row]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return {name: [dict(row) for row in connection.execute(query)] for name, query in queries.items()}
    finally:
        connection.close()
