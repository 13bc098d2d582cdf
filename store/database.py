"""The database, SQLite or PostgreSQL: read and write transactions, and the statements that differ between the two."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import Connection, Select, Table, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_WAL_ATTEMPTS = 100


class Database:
    """An open store. Reads run in parallel. On SQLite the writes of this process queue for a lock here, not for the file lock."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._write_lock = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str, *, pool_size: int = 10, durable: bool = False) -> Self:
        """Opens the store.

        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`, without a driver.
            pool_size: the maximum number of connections.
            durable: SQLite only: whether a commit survives a power failure (`synchronous=FULL`), not only a crash of the process.

        Raises:
            ValueError: the URL names another database.
        """
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in _DRIVERS:
            raise ValueError(f"the store must be sqlite:// or postgresql://, not {backend}://")
        engine = create_async_engine(parsed.set(drivername=_DRIVERS[backend]), pool_size=pool_size, max_overflow=0)
        if backend == "sqlite":
            _prepare_sqlite(engine, durable)
        return cls(engine)

    @property
    def is_postgres(self) -> bool:
        """Whether the store is PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection, None]:
        """Opens a transaction that only reads."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection, None]:
        """Opens a transaction that writes. It commits at the end of the block; an exception rolls it back."""
        if self._write_lock is None:
            async with self.engine.begin() as connection:
                yield connection
            return
        async with self._write_lock, self.engine.connect() as connection:
            await connection.execution_options(writes=True)
            async with connection.begin():
                yield connection

    async def take_advisory_lock(self, connection: AsyncConnection, key: str) -> None:
        """Takes the advisory lock `key` until the transaction ends. Waits while another transaction holds it.

        Does nothing on SQLite, where a write transaction excludes all others.
        """
        if self.is_postgres:
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))

    def insert_new(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Any:
        """Builds an insert that skips rows that share any unique key with an existing row."""
        dialect = postgresql if self.is_postgres else sqlite
        return dialect.insert(table).values(_rows_or_row(rows)).on_conflict_do_nothing()

    def insert_new_from(self, table: Table, names: Sequence[str], query: Select[*tuple[Any, ...]]) -> Any:
        """Builds an insert of the rows of a query, as columns `names`. It skips rows as `insert_new` does."""
        dialect = postgresql if self.is_postgres else sqlite
        return dialect.insert(table).from_select(names, query).on_conflict_do_nothing()

    def upsert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Any:
        """Builds an insert that overwrites the given columns of a row with the same primary key. Other columns stay."""
        dialect = postgresql if self.is_postgres else sqlite
        values = _rows_or_row(rows)
        statement = dialect.insert(table).values(values)
        keys = [column.name for column in table.primary_key]
        given = values[0] if isinstance(values, list) else values
        changes = {name: statement.excluded[name] for name in given if name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=changes)

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()


def _rows_or_row(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """Returns the rows as a list, and a single row as itself: SQLAlchemy does not cache the compiled statement of a list."""
    values = [dict(row) for row in rows]
    return values[0] if len(values) == 1 else values


def _use_wal(cursor: Any) -> None:
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # another connection writes to the new file. The pragma does not wait for it, but a transaction does
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _prepare_sqlite(engine: AsyncEngine, durable: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would not be IMMEDIATE
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=10000")
        _use_wal(cursor)
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
