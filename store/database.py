"""The database, SQLite or PostgreSQL: queries, transactions, and the statements that differ between the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import Engine, Executable, Row, RowMapping, Select, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from store.transaction import Parameters, Transaction


class Database(ABC):
    """An open store."""

    engine: Engine
    """SQLAlchemy's engine, to observe its statements."""

    is_postgres: bool
    """Whether the store is PostgreSQL."""

    @staticmethod
    def open(url: str, *, pool_size: int = 10, durable: bool = False) -> Database:
        """Opens the store.

        Args:
            url: `sqlite:///path` or `postgresql://user:password@host/name`, without a driver.
            pool_size: PostgreSQL only: the maximum number of connections.
            durable: SQLite only: whether a commit survives a power failure (`synchronous=FULL`), not only a crash of the process.

        Raises:
            ValueError: the URL names another database.
        """
        from store.postgres import PostgresDatabase
        from store.sqlite import SqliteDatabase

        parsed = make_url(url)
        match parsed.get_backend_name():
            case "sqlite":
                return SqliteDatabase(parsed, durable=durable)
            case "postgresql" | "postgres":
                return PostgresDatabase(parsed, pool_size=pool_size)
            case backend:
                raise ValueError(f"the store must be sqlite:// or postgresql://, not {backend}://")

    @abstractmethod
    async def rows(self, query: Executable, parameters: Parameters = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """The rows of one query, which runs without a transaction."""

    async def mappings(self, query: Executable, parameters: Parameters = None) -> Sequence[RowMapping]:
        """The rows of one query by the names of their columns. See `rows`."""
        return [row._mapping for row in await self.rows(query, parameters)]  # pyright: ignore[reportPrivateUsage]

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Opens a transaction that only reads."""

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Opens a transaction that writes. It commits at the end of the block; an exception rolls it back."""

    @abstractmethod
    async def take_advisory_lock(self, transaction: Transaction, key: str) -> None:
        """Takes the advisory lock `key` until the transaction ends. Waits while another transaction holds it.

        Does nothing on SQLite, where a write transaction excludes all others.
        """

    @abstractmethod
    async def close(self) -> None:
        """Closes all connections."""

    @abstractmethod
    async def insert_rows(self, transaction: Transaction, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
        """Inserts rows by a statement of `insert_ignoring`. Returns how many it has inserted."""

    def insert_ignoring(self, table: Table) -> Any:
        """Builds an insert of one row that shares no unique key with an existing row; else it inserts nothing."""
        return self._insert(table).on_conflict_do_nothing()

    def insert_new(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Any:
        """Builds an insert that skips rows that share any unique key with an existing row."""
        return self._insert(table).values(_rows_or_row(rows)).on_conflict_do_nothing()

    def insert_new_from(self, table: Table, names: Sequence[str], query: Select[*tuple[Any, ...]]) -> Any:
        """Builds an insert of the rows of a query, as columns `names`. It skips rows as `insert_new` does."""
        return self._insert(table).from_select(names, query).on_conflict_do_nothing()

    def upsert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Any:
        """Builds an insert that overwrites the given columns of a row with the same primary key. Other columns stay."""
        values = _rows_or_row(rows)
        statement = self._insert(table).values(values)
        keys = [column.name for column in table.primary_key]
        given = values[0] if isinstance(values, list) else values
        changes = {name: statement.excluded[name] for name in given if name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=changes)

    def _insert(self, table: Table) -> Any:
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)


def _rows_or_row(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any] | list[dict[str, Any]]:
    """Returns the rows as a list, and a single row as itself: SQLAlchemy does not cache the compiled statement of a list."""
    values = [dict(row) for row in rows]
    return values[0] if len(values) == 1 else values
