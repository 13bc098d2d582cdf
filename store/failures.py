"""What a failure of the store means: a write can never succeed, or the server is away for a while."""

from __future__ import annotations

import sqlite3

from asyncpg import InterfaceError, InternalClientError, PostgresError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_PERMANENT_CLASSES = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE: data exception, violated constraint, exceeded limit of the program (such as the size of an index row)."""

_AWAY_CLASSES = ("08", "53", "57P")
"""SQLSTATEs begin with these when the server is away: connection exception, no resources, shut down or starting."""

_AWAY_ON_SQLITE = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY),
    }
)
"""Primary result codes: another process has locked the file, or the file system does not give or take it."""

_OF_VALUES = (ValueError, TypeError, OverflowError)
"""What drivers raise for a value that they cannot send; `UnicodeError` is a `ValueError`."""


def is_permanent(error: BaseException) -> bool:
    """Whether the same write fails again for the same reason: a value or a key is wrong.

    False for all failures that can pass: connection, time limit, lock, full disk, missing table. A write that runs at the same
    time can also violate a unique key, so a caller tries a second time before it gives up.
    """
    if isinstance(error, IntegrityError | DataError):
        return True
    if isinstance(error, DBAPIError):
        driver_error = error.orig.__cause__ if error.orig else None
        return _sqlstate(error)[:2] in _PERMANENT_CLASSES or isinstance(driver_error, _OF_VALUES)
    if isinstance(error, StatementError):
        return isinstance(error.orig, _OF_VALUES)
    return isinstance(error, UnicodeError | OverflowError)


def is_away(error: BaseException) -> bool:
    """Whether the store could not be reached or used for now, and no value was wrong.

    A server of PostgreSQL did not answer in time or had no resources; a file of SQLite is locked, gone or full.
    """
    if isinstance(error, DBAPIError) and isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _AWAY_ON_SQLITE
    if isinstance(error, DBAPIError):
        driver_error = error.orig.__cause__ if error.orig else None
        lost = error.connection_invalidated or isinstance(driver_error, OSError)
        return lost or _sqlstate(error).startswith(_AWAY_CLASSES)
    if isinstance(error, PostgresError):  # of a connection that was never made
        return str(getattr(error, "sqlstate", "")).startswith(_AWAY_CLASSES)
    # a `TimeoutError` is an `OSError`; asyncpg raises its internal error when a connection is lost as it is used
    return isinstance(error, OSError | PoolTimeoutError | InterfaceError | InternalClientError)


def cause_of(error: BaseException) -> str:
    """A short name of the cause, without anything of what was written: the driver's class, and its code if there is one."""
    source = error
    if isinstance(error, StatementError) and error.orig:
        source = error.orig.__cause__ or error.orig
    code = getattr(source, "sqlite_errorname", "") or _sqlstate(error)
    return " ".join(filter(None, (type(source).__name__, code)))


def _sqlstate(error: BaseException) -> str:
    return getattr(error.orig, "sqlstate", None) or "" if isinstance(error, DBAPIError) else ""
