"""The store on PostgreSQL, by asyncpg."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, Executable, Row, Table, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from store.database import Database
from store.transaction import Parameters, Transaction

_ONE = literal(1)


class PostgresDatabase(Database):
    """A store on PostgreSQL. Reads and writes share a pool of connections."""

    is_postgres = True

    def __init__(self, url: URL, *, pool_size: int) -> None:
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            # errors are logged, and messages must not be
            hide_parameters=True,
        )
        self._without_transaction = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self.engine = self._engine.sync_engine

    async def rows(self, query: Executable, parameters: Parameters = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """See `Database`. One round trip to the server."""
        async with self._without_transaction.connect() as connection:
            return (await connection.execute(query, parameters)).all()

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """See `Database`."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection, None]:
        """See `Database`."""
        async with self._engine.begin() as connection:
            yield connection

    async def insert_new(self, transaction: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """See `Database`. asyncpg does not count the rows of several executions, so the statement returns them."""
        statement = self.insert_of_new(table, _ONE)
        return len((await transaction.execute(statement, rows)).all()) if rows else 0

    async def take_advisory_lock(self, transaction: Transaction, key: str) -> None:
        """See `Database`."""
        await transaction.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))

    async def close(self) -> None:
        """See `Database`."""
        await self._engine.dispose()
