"""A row of the board, how it is read and locked, and which of them wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, and_, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.routing import Offer
from store import schema
from store.database import Database

ANY_AGENT = ""
"""Bound to nobody: a value, not NULL, because kinds of conversations are compared."""


NO_OFFER = {"offer_id": None, "offered_at": None, "offer_until": None, "delivered": False}
"""The columns of a row that is not offered."""


@dataclass(frozen=True, slots=True)
class RoutingRow:
    """A conversation on the board; see `store.schema.routing`."""

    conversation_id: str
    revision: int
    instance: str
    queue: str
    workstream: str
    contact_id: str
    stage: str
    agent: str | None
    units: int
    in_turn: bool
    priority: int
    enqueued_at: datetime
    bound_to: str
    bound_until: datetime | None
    holder: str | None
    holds_until: datetime | None
    offer_id: str | None
    offered_at: datetime | None
    offer_until: datetime | None
    delivered: bool

    @property
    def offer(self) -> Offer | None:
        """The offer that stands."""
        if self.offer_id is None or self.holder is None or self.offered_at is None or self.offer_until is None:
            return None
        return Offer(
            id=self.offer_id,
            conversation_id=self.conversation_id,
            contact_id=self.contact_id,
            instance=self.instance,
            queue=self.queue,
            workstream=self.workstream,
            user=self.holder,
            offered_at=self.offered_at,
            until=self.offer_until,
        )


ROUTING_COLUMNS = tuple(schema.routing.c[field.name] for field in fields(RoutingRow))
"""The columns of a row, in its order."""


async def find_row(connection: AsyncConnection, conversation_id: str, *, lock: bool = False) -> RoutingRow | None:
    """A conversation's row."""
    query = select(*ROUTING_COLUMNS).where(schema.routing.c.conversation_id == conversation_id)
    found = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if found is None else RoutingRow(*found)


async def lock_agents_and_row(
    db: Database, connection: AsyncConnection, instance: str, row: RoutingRow | None, users: Iterable[str]
) -> RoutingRow | None:
    """Locks agents and then a row that was read without a lock. Returns the row as it is now.

    On SQLite a write has everything to itself from the start.
    """
    if not db.is_postgres:
        return row
    await lock_agents(db, connection, instance, users)
    return row and await find_row(connection, row.conversation_id, lock=True)


async def lock_agents(db: Database, connection: AsyncConnection, instance: str, users: Iterable[str]) -> None:
    """Keeps others from adding to the load of agents until the end of this write."""
    agent, names = schema.agents.c, sorted(set(users))
    if names and db.is_postgres:
        query = select(agent.user).where(agent.instance == instance, agent.user.in_(names)).order_by(agent.user)
        await connection.execute(query.with_for_update())


async def try_to_lock_agent(connection: AsyncConnection, instance: str, user: str) -> bool:
    """Locks an agent unless somebody else has (PostgreSQL)."""
    agent = schema.agents.c
    query = select(agent.user).where(agent.instance == instance, agent.user == user)
    return (await connection.execute(query.with_for_update(skip_locked=True))).first() is not None


def is_queued(table: FromClause) -> ColumnElement[bool]:
    """Waits and is not offered. Spelled out in full, because an index with a condition is not used for parameters."""
    return and_(table.c.stage == literal_column("'queued'"), table.c.offer_id.is_(None))


def has_affinity(table: FromClause) -> ColumnElement[bool]:
    """Whether only one agent may be offered it; spelled out for the same reason."""
    return table.c.bound_to != literal_column("''")


def queue_order(table: FromClause) -> tuple[ColumnElement[object], ...]:
    """The order in a queue."""
    return (table.c.in_turn, table.c.priority, table.c.enqueued_at, table.c.conversation_id)
