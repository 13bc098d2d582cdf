"""An open transaction of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_Result = TypeVar("_Result")


class InlineConnection:
    """The part of SQLAlchemy's `AsyncConnection` that the store uses. Its methods never suspend."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[*tuple[Any, ...]]:
        """Executes a statement."""
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(
        self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Executes a statement in the words of the driver."""
        return self._connection.exec_driver_sql(statement, parameters)  # pyright: ignore[reportArgumentType]

    async def run_sync(self, call: Callable[[Connection], _Result]) -> _Result:
        """Calls a function with the connection itself."""
        return call(self._connection)


Transaction = AsyncConnection | InlineConnection
"""A transaction on PostgreSQL or SQLite. It executes statements."""
