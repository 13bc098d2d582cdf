"""Rows of the table `routing`: reads, locks, filters and the queue order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, FromClause, and_, literal_column, select

from domain.routing import Offer
from store import schema
from store.database import Database
from store.transaction import Transaction

ANY_AGENT = ""
"""The value of `bound_to` without affinity. It is not NULL, because queries compare and group it."""

NO_OFFER = {"offer_id": None, "offered_at": None, "offer_until": None, "delivered": False}
"""The columns of a row without an offer."""


@dataclass(frozen=True, slots=True)
class RoutingRow:
    """One row; `store.schema.routing` describes the columns."""

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
    set_priority: int | None
    enqueued_at: datetime
    time_adjustment: int
    queued_since: datetime
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
        """The present offer; None when there is none."""
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
"""The columns of `RoutingRow`, in the order of its fields."""


async def find_row(connection: Transaction, conversation_id: str, *, lock: bool = False) -> RoutingRow | None:
    """Reads a conversation's row; None when it has none.

    Args:
        lock: whether the row stays locked until the transaction ends. Lock the agents first.
    """
    query = select(*ROUTING_COLUMNS).where(schema.routing.c.conversation_id == conversation_id)
    found = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if found is None else RoutingRow(*found)


async def lock_agents_and_row(
    db: Database, connection: Transaction, instance: str, row: RoutingRow | None, users: Iterable[str]
) -> RoutingRow | None:
    """Locks agents, then a row that was read without a lock. Returns the row as it is now; None when it is gone.

    On SQLite it only returns `row`: a write transaction excludes all others, so the row cannot have changed.
    """
    if not db.is_postgres:
        return row
    await lock_agents(db, connection, instance, users)
    return row and await find_row(connection, row.conversation_id, lock=True)


async def lock_agents(db: Database, connection: Transaction, instance: str, users: Iterable[str]) -> None:
    """Locks agents, ordered by user, until the transaction ends. Meanwhile no other transaction adds to their load.

    Does nothing on SQLite, where a write transaction excludes all others.
    """
    agent, names = schema.agents.c, sorted(set(users))
    if names and db.is_postgres:
        query = select(agent.user).where(agent.instance == instance, agent.user.in_(names)).order_by(agent.user)
        await connection.execute(query.with_for_update())


async def try_to_lock_agent(connection: Transaction, instance: str, user: str) -> bool:
    """Locks an agent, unless another transaction holds the lock. Returns whether it did. PostgreSQL only."""
    agent = schema.agents.c
    query = select(agent.user).where(agent.instance == instance, agent.user == user)
    return (await connection.execute(query.with_for_update(skip_locked=True))).first() is not None


def is_queued(table: FromClause) -> ColumnElement[bool]:
    """Builds the condition "queued and not offered".

    It holds literals, not parameters: with parameters the planner does not use a partial index.
    """
    return and_(table.c.stage == literal_column("'queued'"), table.c.offer_id.is_(None))


def has_affinity(table: FromClause) -> ColumnElement[bool]:
    """Builds the condition "only one agent may be offered it", with a literal as in `is_queued`."""
    return table.c.bound_to != literal_column("''")


def queue_order(table: FromClause) -> tuple[ColumnElement[object], ...]:
    """The columns by which a queue is ordered."""
    return (table.c.in_turn, table.c.priority, table.c.queued_since, table.c.conversation_id)


def queued_since(enqueued_at: datetime, time_adjustment: int) -> datetime:
    """Return since when a contact counts as waiting, for its place in the queue. `time_adjustment`: seconds added to its wait."""
    return enqueued_at - timedelta(seconds=time_adjustment)
