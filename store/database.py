"""The database, SQLite or PostgreSQL: queries, transactions, and the statements that differ between the two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Engine, Executable, Row, RowMapping, Select, Table, case, null, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from store.transaction import Parameters, Transaction

_VERSION = text("SELECT version_num FROM alembic_version")
"""The version of the tables, in a table of Alembic that has one row."""


class Database(ABC):
    """An open store.

    All methods raise `StoreUnavailable` when a server of PostgreSQL is away or does not answer in time, and when the file of
    SQLite is gone, full, or locked by another process for too long.
    """

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

    async def answer(self) -> str | None:
        """Returns the version of the tables, once the store answers. Raises its error when it cannot, or has no tables."""
        found = await self.rows(_VERSION)
        return found[0][0] if found else None

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Opens a transaction that only reads."""

    @abstractmethod
    def write(self, *, limited: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """Opens a transaction that writes. It commits at the end of the block; an exception rolls it back.

        Args:
            limited: PostgreSQL only: whether the transaction has a time limit, as reads have.
        """

    @abstractmethod
    async def take_advisory_lock(self, transaction: Transaction, key: str) -> None:
        """Takes the advisory lock `key` until the transaction ends. Waits while another transaction holds it.

        Does nothing on SQLite, where a write transaction excludes all others.
        """

    @abstractmethod
    async def forget_deleted(self) -> None:
        """Removes what was deleted from the files of the store, as far as no reader needs it at the moment."""

    @abstractmethod
    async def close(self) -> None:
        """Closes all connections."""

    @abstractmethod
    async def insert_new(self, transaction: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Inserts the rows that share no unique key with an existing row. Returns how many it has inserted."""

    async def upsert(self, transaction: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Inserts rows, or overwrites the given columns of rows with the same primary key. Other columns stay.

        Args:
            transaction: the transaction.
            table: the table.
            rows: the rows, all with the same columns; none: it does nothing.

        Raises:
            IntegrityError: a row with one of these keys belongs to another conversation.
        """
        if rows:
            await transaction.execute(_upsert(table, tuple(rows[0]), postgres=self.is_postgres), rows)

    def insert_of_new(self, table: Table, *returned: ColumnElement[Any]) -> Any:
        """Builds an insert that skips rows that share any unique key with an existing row.

        Builds it once for each table and what it returns of each new row, so `returned` should be columns or constants.
        """
        return _insert_of_new(table, returned, postgres=self.is_postgres)

    def insert_new_from(self, table: Table, names: tuple[str, ...], query: Select[*tuple[Any, ...]]) -> Any:
        """Builds an insert of the rows of a query, as columns `names`. It skips rows as `insert_of_new` does.

        Builds it once for each query, so the query should be a constant with parameters.
        """
        return _insert_new_from(table, names, query, postgres=self.is_postgres)


@cache
def _insert(table: Table, *, postgres: bool) -> Any:
    return postgresql.insert(table) if postgres else sqlite.insert(table)


@cache
def _insert_of_new(table: Table, returned: tuple[ColumnElement[Any], ...], *, postgres: bool) -> Any:
    insertion = _insert(table, postgres=postgres).on_conflict_do_nothing()
    return insertion.returning(*returned) if returned else insertion


@cache
def _insert_new_from(table: Table, names: tuple[str, ...], query: Select[*tuple[Any, ...]], *, postgres: bool) -> Any:
    return _insert(table, postgres=postgres).from_select(names, query).on_conflict_do_nothing()


@cache
def _upsert(table: Table, names: tuple[str, ...], *, postgres: bool) -> Any:
    statement = _insert(table, postgres=postgres)
    keys = [column.name for column in table.primary_key]
    changes: dict[str, Any] = {name: statement.excluded[name] for name in names if name not in keys}
    if (owner := "conversation_id") in changes:
        # the column may not be null: so a row of another conversation, whose id a signal by hand names, fails the write
        is_own = table.c[owner] == changes[owner]
        changes[owner] = case((is_own, changes[owner]), else_=null())
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)
