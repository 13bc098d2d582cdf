"""The board of an instance: its agents with their statuses, what uses their capacity, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union_all

from domain.instants import MILLISECOND
from domain.routing import AgentStatus, RoutingStage
from routing.queues import LAST_WAITS, latest_waits
from store import schema
from store.database import Database

_agent, _routing, _contact = schema.agents.c, schema.routing.c, schema.contacts.c

MAX_QUEUES = 100
"""How many queues one statement averages. SQLite takes 500 parts of a statement at most."""


@dataclass(frozen=True, slots=True)
class AgentOnBoard:
    """An agent's status and capacity.

    Attributes:
        capacity: the maximum load, in units.
        next_status: the status that follows once the load is zero; None when no other follows.
        is_disconnected: whether the agent's client has lost its connection, and the grace runs.
    """

    user: str
    capacity: int
    status: AgentStatus
    status_since: datetime
    next_status: AgentStatus | None
    is_disconnected: bool

    @property
    def takes_offers(self) -> bool:
        """Whether the agent can be offered something, as far as it does not depend on status and capacity."""
        return self.next_status is None and not self.is_disconnected


@dataclass(frozen=True, slots=True)
class HeldContact:
    """A contact that uses an agent's capacity: the agent works on it, wraps it up, or is offered it.

    Attributes:
        since: when the present stage, or the offer, began.
        connected_at: when the agent connected to it; None before.
    """

    user: str
    contact_id: str
    queue: str
    stage: RoutingStage
    is_offered: bool
    units: int
    since: datetime
    initiation_method: str
    connected_at: datetime | None


async def agents_on_board(db: Database, instance: str) -> list[AgentOnBoard]:
    """The agents of an instance, ordered by user."""
    query = (
        select(
            *(_agent.user, _agent.capacity, _agent.status, _agent.status_since, _agent.next_status),
            _agent.disconnected_at.is_not(None),
        )
        .where(_agent.instance == instance)
        .order_by(_agent.user)
    )
    return [
        AgentOnBoard(
            user, capacity, AgentStatus(status), since, AgentStatus(following) if following else None, bool(lost)
        )
        for user, capacity, status, since, following, lost in await db.rows(query)
    ]


async def held_contacts(db: Database, instance: str, now: datetime) -> list[HeldContact]:
    """What uses the capacity of an instance's agents, in no particular order."""
    query = (
        select(
            *(_routing.holder, _routing.contact_id, _routing.queue, _routing.stage, _routing.offer_id.is_not(None)),
            *(_routing.units, func.coalesce(_routing.offered_at, _routing.enqueued_at)),
            *(_contact.initiation_method, _contact.agent_connected_at),
        )
        .join(schema.contacts, _contact.id == _routing.contact_id)
        .where(_routing.instance == instance, _routing.holder.is_not(None), _routing.holds_until > now)
    )
    return [
        HeldContact(user, contact, queue, RoutingStage(stage), bool(offered), *rest)
        for user, contact, queue, stage, offered, *rest in await db.rows(query)
    ]


async def average_waits(
    db: Database, instance: str, queues: Sequence[str], since: datetime, *, last: int = LAST_WAITS
) -> dict[str, float]:
    """The average wait in seconds of the contacts that were last assigned from each queue; a queue without any is missing.

    Args:
        since: only assignments at or after this instant count.
        last: the maximum number of assignments of a queue that count.
    """
    found: dict[str, float] = {}
    for start in range(0, len(queues), MAX_QUEUES):
        latest = [latest_waits(instance, queue, since, last).subquery() for queue in queues[start : start + MAX_QUEUES]]
        each = [
            select(waits.c.queue, func.count(), func.sum(waits.c.milliseconds)).group_by(waits.c.queue)
            for waits in latest
        ]
        for queue, count, total in await db.rows(union_all(*each)):
            found[queue] = (int(total) * MILLISECOND / count).total_seconds()
    return found
