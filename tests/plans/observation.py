"""Observes what statements cost: the steps of SQLite's machine, or the rows and pages that PostgreSQL visits.

A statement is named by the place in the code that runs it. So places that no test reaches can be found, too.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.postgres import PostgresDatabase
from store.sqlite import SqliteDatabase
from store.transaction import InlineConnection
from tests.stack import ROOT

ROOMS = ("store", "routing")
"""The rooms that run statements."""

FRAME = frozenset(
    ROOT / "store" / f"{name}.py" for name in ("sqlite", "postgres", "database", "transaction", "migrate")
)
"""The modules that run the statements of others, and the migrations."""

METHODS = frozenset({"execute", "rows", "mappings", "upsert", "insert_new", "take_advisory_lock"})
"""The methods that run a statement."""

WRITES = ("INSERT", "UPDATE", "DELETE")


class Place(NamedTuple):
    """A call in the code that runs a statement."""

    path: str
    first_line: int
    last_line: int
    function: str
    method: str

    def __str__(self) -> str:
        return f"{self.path}:{self.first_line} ({self.function})"


@cache
def all_places() -> tuple[Place, ...]:
    """Every call that runs a statement."""
    return tuple(place for room in ROOMS for path in sorted((ROOT / room).glob("*.py")) for place in _places(path))


def _places(path: Path) -> Iterator[Place]:
    if path in FRAME:
        return
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            # without arguments it reads the result of a statement
            if node.func.attr in METHODS and node.args:
                lines = node.lineno, node.end_lineno or node.lineno
                yield Place(path.relative_to(ROOT).as_posix(), *lines, function.name, node.func.attr)


@dataclass
class Observation:
    """The statements of a block: the cost of the most expensive run of each, and those that wrote."""

    costs: dict[tuple[Place, str], int] = field(default_factory=dict[tuple[Place, str], int])
    writes: list[str] = field(default_factory=list[str])

    def note(self, place: Place, statement: str, cost: int) -> None:
        """Add the cost of a run."""
        key = (place, statement)
        self.costs[key] = max(self.costs.get(key, 0), cost)

    def clear(self) -> None:
        """Forget all runs until now."""
        self.costs.clear()
        self.writes.clear()

    def add(self, other: Observation) -> None:
        """Add all runs of another observation."""
        for (place, statement), cost in other.costs.items():
            self.note(place, statement, cost)
        self.writes += other.writes

    @property
    def places(self) -> set[Place]:
        """The places whose statements ran."""
        return {place for place, _ in self.costs}


@contextmanager
def observed(db: Database) -> Generator[Observation]:
    """Observe all statements of a store that run in the block. The store must not have been used before."""
    observation = Observation()
    with pytest.MonkeyPatch.context() as patches:
        for owner, method in (
            (InlineConnection, "execute"),
            (AsyncConnection, "execute"),
            (SqliteDatabase, "rows"),
            (PostgresDatabase, "rows"),
        ):
            patches.setattr(owner, method, _noting_place(getattr(owner, method)))
        observe = _observed_on_postgres if db.is_postgres else _observed_on_sqlite
        with observe(db, observation):
            yield observation


_place: ContextVar[Place | None] = ContextVar("_place", default=None)


def _noting_place(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*arguments: Any) -> Any:
        token = _place.set(_calling_place())
        try:
            return await method(*arguments)
        finally:
            _place.reset(token)

    return call


def _calling_place() -> Place | None:
    frame = inspect.currentframe()
    while frame := frame and frame.f_back:
        place = _place_at(frame.f_code.co_filename, frame.f_lineno)
        if place:
            return place
    return None


@cache
def _place_at(filename: str, line: int) -> Place | None:
    """The innermost call at this line that runs a statement."""
    here = [
        place
        for place in all_places()
        if str(ROOT / place.path) == filename and place.first_line <= line <= place.last_line
    ]
    return min(here, key=lambda place: place.last_line - place.first_line, default=None)


@contextmanager
def _observed_on_sqlite(db: Database, observation: Observation) -> Generator[None]:
    steps, running = 0, list[tuple[Place, str, int]]()

    def count_step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def count_steps(connection: Any, _: object) -> None:
        connection.set_progress_handler(count_step, 1)

    def finish_last() -> None:
        for place, statement, began in running:
            observation.note(place, statement, steps - began)
        running.clear()

    def begin(_: Connection, __: object, statement: str, *___: object) -> None:
        finish_last()
        if place := _place.get():
            running.append((place, statement, steps))
            _note_write(observation, statement)

    with _listener(db, "connect", count_steps), _listener(db, "before_cursor_execute", begin):
        yield
    finish_last()


@contextmanager
def _observed_on_postgres(db: Database, observation: Observation) -> Generator[None]:
    def explain(
        connection: Connection, _: object, statement: str, parameters: Any, __: object, executemany: bool
    ) -> None:
        place = _place.get()
        if place is None:
            return
        token = _place.set(None)
        try:
            cost = _explained_cost(connection, statement, parameters[0] if executemany else parameters)
        finally:
            _place.reset(token)
        observation.note(place, statement, cost)
        _note_write(observation, statement)

    with _listener(db, "before_cursor_execute", explain):
        yield


@contextmanager
def _listener(db: Database, name: str, listener: Callable[..., None]) -> Generator[None]:
    event.listen(db.engine, name, listener)
    try:
        yield
    finally:
        event.remove(db.engine, name, listener)


def _explained_cost(connection: Connection, statement: str, parameters: Any) -> int:
    """The rows and pages that a statement visits. It runs, and what it writes is undone."""
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    undone = connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
    if undone:
        connection.exec_driver_sql("SAVEPOINT explained")
    (explained,) = connection.exec_driver_sql(explain, parameters).scalar_one()
    if undone:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT explained")
    plan = explained["Plan"]
    return _visited_rows(plan) + plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def _visited_rows(node: dict[str, Any]) -> int:
    rows = 0.0
    if "Scan" in node["Node Type"] and ("Relation Name" in node or "Index Name" in node):
        rows = (
            node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        )
    return round(rows * node["Actual Loops"]) + sum(map(_visited_rows, node.get("Plans", ())))


def _note_write(observation: Observation, statement: str) -> None:
    if statement.lstrip().startswith(WRITES):
        observation.writes.append(statement)
