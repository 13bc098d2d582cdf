"""The store on SQLite. Statements run in the thread of the event loop.

A statement takes some microseconds. To hand it to another thread and back takes several hundred, and more under load: both
threads compete for the interpreter. In WAL mode a reader never waits. A writer waits for the writers of other processes without
blocking the loop. Each transaction lets the loop run once, so that a task which reads or writes all the time stops no other.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from sqlalchemy import URL, Connection, Executable, QueuePool, Row, Table, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError

from store.availability import Availability
from store.database import Database
from store.transaction import InlineConnection, Parameters, Transaction

_WAL_ATTEMPTS = 100
_CHECKPOINT_ATTEMPTS = 40
_CHECKPOINT_DELAY_SECONDS = 0.05

WRITE_TIMEOUT_SECONDS = 10.0
"""How long a writer waits for its turn in this process, and then for the writers of other processes."""

READ_TIMEOUT_MILLISECONDS = 1_000
"""How long a reader waits when another process has the file for itself. It blocks the loop for so long."""

LOCKED_SECONDS = 3.0
"""After this time without the lock for a write the store does not answer. Other processes have it for milliseconds."""

_WRITE_RETRY_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02)


class FileReplaced(OSError):
    """Another file has the path of the store. This process has the former one open, and must start again to use the new one."""


class SqliteDatabase(Database):
    """A store in a SQLite file. The writes of a process queue for a lock, in the order in which they ask for it."""

    is_postgres = False

    def __init__(self, url: URL, *, durable: bool) -> None:
        # connections without bound: a reader that suspends within its transaction must not stop the loop
        self.engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            poolclass=QueuePool,
            hide_parameters=True,  # errors are logged, and messages must not be
            max_overflow=-1,
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        self._write_lock = asyncio.Lock()
        self._reader: Connection | None = None
        self._writer: Connection | None = None
        self._durable = durable
        self._path = url.database or ""
        self._file: tuple[int, int] | None = None
        self._availability = Availability()
        self._locked_since: float | None = None
        """Since when other processes have had the lock of the file; None while writes get it."""

        @event.listens_for(self.engine, "connect")
        def configure(connection: DBAPIConnection, _: object) -> None:
            _configure(connection, durable=durable)
            self._file = self._file or _identity(self._path)

    async def rows(self, query: Executable, parameters: Parameters = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """See `Database`."""
        with self._availability.expected():
            self._check_file()
            if self._reader is None:
                # without a transaction each query sees what is committed, and holds no lock once its rows are read
                self._reader = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            return self._reader.execute(query, parameters).all()

    async def answer(self) -> str | None:
        """See `Database`. Also raises when another process keeps the file locked, so that nothing can be written."""
        found = await super().answer()
        with self._availability.expected():
            if not self._write_lock.locked():  # else the transaction that has it looks
                connection = self._open_writer()
                if self._begins(connection):
                    connection.rollback()
            if self._locked_since is not None and monotonic() - self._locked_since > LOCKED_SECONDS:
                raise TimeoutError("another process keeps the file locked")
        return found

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[InlineConnection, None]:
        """See `Database`."""
        await asyncio.sleep(0)
        with self._availability.expected():
            self._check_file()
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield InlineConnection(connection)

    @asynccontextmanager
    async def write(self, *, limited: bool = True) -> AsyncGenerator[InlineConnection, None]:
        """See `Database`."""
        await asyncio.sleep(0)
        with self._availability.expected():
            async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                await self._write_lock.acquire()
            try:
                connection = self._open_writer()
                await self._begin_write(connection)
                try:
                    yield InlineConnection(connection)
                    await self._commit(connection)
                except BaseException:
                    connection.rollback()
                    # SQLAlchemy takes the transaction for ended when COMMIT fails, but it is still open
                    connection.connection.rollback()
                    raise
            finally:
                self._write_lock.release()

    async def insert_new(self, transaction: Transaction, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """See `Database`."""
        return (await transaction.execute(self.insert_of_new(table), rows)).rowcount if rows else 0

    async def take_advisory_lock(self, transaction: Transaction, key: str) -> None:
        """See `Database`."""

    async def forget_deleted(self) -> None:
        """See `Database`. Deleted rows are zeros in the file itself; older versions of its pages are in the write-ahead log."""
        for attempt in range(_CHECKPOINT_ATTEMPTS):
            await asyncio.sleep(_CHECKPOINT_DELAY_SECONDS if attempt else 0)
            with self._availability.expected():
                async with self._write_lock:
                    connection = self._open_writer().connection
                    [busy, _, _] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # pyright: ignore
            if not busy:
                return

    async def close(self) -> None:
        """See `Database`."""
        for connection in (self._reader, self._writer):
            if connection:
                connection.close()
        self.engine.dispose()

    def _open_writer(self) -> Connection:
        self._check_file()
        if self._writer is None:
            self._writer = self.engine.connect()
            self._writer.exec_driver_sql("PRAGMA busy_timeout=0")
            self._writer.rollback()
        return self._writer

    def _check_file(self) -> None:
        """Raises `OSError` unless the path has the file that is open. SQLite also writes to a file that was moved or deleted."""
        if self._file and _identity(self._path) != self._file:
            raise FileReplaced(self._path)

    async def _begin_write(self, connection: Connection) -> None:
        """Begins a write transaction. Tries again while another process writes."""
        deadline = monotonic() + WRITE_TIMEOUT_SECONDS
        attempt = 0
        while not self._begins(connection):
            if monotonic() > deadline:
                raise TimeoutError("another process keeps the file locked")
            await asyncio.sleep(_WRITE_RETRY_SECONDS[min(attempt, len(_WRITE_RETRY_SECONDS) - 1)])
            attempt += 1

    def _begins(self, connection: Connection) -> bool:
        """Begins a write transaction, unless another process writes. Returns whether it has begun."""
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            connection.rollback()
            if not (isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode in _BUSY):
                raise
            self._locked_since = self._locked_since or monotonic()
            return False
        self._locked_since = None
        return True

    async def _commit(self, connection: Connection) -> None:
        if not self._durable:
            connection.commit()
            return
        # in another thread, because it waits for the disk. It cannot be cancelled halfway
        commit = asyncio.ensure_future(asyncio.to_thread(connection.commit))
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait([commit])
            raise


_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY)


def _identity(path: str) -> tuple[int, int]:
    """What tells a file from another one that has its path later."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _configure(connection: Any, *, durable: bool) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=10000")
    _use_wal(cursor)
    cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(
        "PRAGMA secure_delete=ON"
    )  # what is deleted or replaced becomes zeros, and does not stay in free pages
    cursor.execute(f"PRAGMA busy_timeout={READ_TIMEOUT_MILLISECONDS}")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    for _ in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # the pragma fails at once while another connection writes. An empty transaction waits for it; then try again
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")
