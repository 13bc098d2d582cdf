"""What agents are told at their desks: written where it happens, numbered for each agent, and kept for a while.

The number is a column of the agent's row, which is locked from then on: so numbers have no gaps and are committed in their order,
and who tells several agents in one write has to have locked them before (`rows.lock_agents`), in the order of their names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instants import iso
from domain.routing import AgentStatus, Offer, OfferOutcome
from store import schema
from store.database import Database

AgentEventKind = Literal["offer", "offer-over", "assigned", "returned", "state", "status"]

_agents, _events = schema.agents.c, schema.agent_events.c
_NEXT = (
    update(schema.agents)
    .where(_agents.instance == bindparam("of_instance"), _agents.user == bindparam("which"))
    .values(event_seq=_agents.event_seq + 1)
    .returning(_agents.event_seq)
)
_WRITE = insert(schema.agent_events)

MAX_ENDED_OFFERS = 100
"""So many offers back it is known how they ended."""


class AgentId(NamedTuple):
    """An agent of an instance."""

    instance: str
    user: str


class AgentEventHead(NamedTuple):
    """How an agent stands, and the number of the last event that says so."""

    seq: int
    status: AgentStatus
    next_status: AgentStatus | None


class AgentEvent(NamedTuple):
    """What an agent was told."""

    seq: int
    at: datetime
    kind: str
    body: dict[str, Any]


async def write_event(
    connection: AsyncConnection, instance: str, user: str, kind: AgentEventKind, body: Mapping[str, Any], now: datetime
) -> None:
    """Tells an agent, in the write in which it happens. Who is not configured has no desk and is told nothing."""
    found = await connection.execute(_NEXT, {"of_instance": instance, "which": user})
    seq = found.scalar_one_or_none()
    if seq is not None:
        event = {"instance": instance, "user": user, "seq": seq, "at": now, "kind": kind, "body": dict(body)}
        await connection.execute(_WRITE, event)


async def write_offer_event(connection: AsyncConnection, offer: Offer, *, claimed: bool) -> None:
    """Tells an agent what they are offered, or are just taking themselves."""
    where = {"queue": offer.queue, "workstream": offer.workstream}
    body = {**_offered(offer), **where, "until": iso(offer.until), "claimed": claimed}
    await write_event(connection, offer.instance, offer.user, "offer", body, offer.offered_at)


async def write_outcome_event(connection: AsyncConnection, offer: Offer, outcome: OfferOutcome, now: datetime) -> None:
    """Tells an agent that an offer to them is over."""
    await write_event(
        connection, offer.instance, offer.user, "offer-over", {**_offered(offer), "outcome": outcome}, now
    )


async def write_status_event(
    connection: AsyncConnection, instance: str, user: str, status: str, next_status: str | None, now: datetime
) -> None:
    """Tells an agent how they stand now, and what they become when they are free."""
    body = {"status": status, "next_status": next_status}
    await write_event(connection, instance, user, "status", body, now)


async def event_heads(db: Database, agents: Collection[AgentId]) -> dict[AgentId, AgentEventHead]:
    """How agents stand; those who are gone are missing."""
    query = select(
        *(_agents.instance, _agents.user, _agents.event_seq, _agents.status, _agents.next_status),
    ).where(tuple_(_agents.instance, _agents.user).in_(agents))
    async with db.read() as connection:
        rows = (await connection.execute(query)).all() if agents else []
    return {
        AgentId(instance, user): AgentEventHead(seq, AgentStatus(status), AgentStatus(next) if next else None)
        for instance, user, seq, status, next in rows
    }


async def events_after(db: Database, agent: AgentId, after: int, limit: int = 500) -> list[AgentEvent]:
    """What an agent was told after an event, in order."""
    query = (
        select(_events.seq, _events.at, _events.kind, _events.body)
        .where(_events.instance == agent.instance, _events.user == agent.user, _events.seq > after)
        .order_by(_events.seq)
        .limit(limit)
    )
    async with db.read() as connection:
        return [AgentEvent(*row) for row in await connection.execute(query)]


async def are_events_kept(db: Database, agent: AgentId, after: int, head: int) -> bool:
    """Whether all that an agent was told after an event and up to another is still there."""
    if not 0 <= after <= head:
        return False
    between = (_events.instance == agent.instance, _events.user == agent.user, _events.seq.between(after + 1, head))
    async with db.read() as connection:
        kept = (await connection.execute(select(func.count()).where(*between))).scalar_one()
    return kept == head - after


async def find_ended_offer(db: Database, agent: AgentId, offer_id: str) -> tuple[str, OfferOutcome] | None:
    """The conversation and the end of an offer to an agent; None if none such is among the last they were told of."""
    theirs = (_events.instance == agent.instance, _events.user == agent.user, _events.kind == "offer-over")
    query = select(_events.body).where(*theirs).order_by(_events.seq.desc()).limit(MAX_ENDED_OFFERS)
    async with db.read() as connection:
        for body in (await connection.execute(query)).scalars():
            if body["offer_id"] == offer_id:
                return body["initial_contact_id"], OfferOutcome(body["outcome"])
    return None


async def delete_events(db: Database, before: datetime) -> None:
    """Drops what agents were told before an instant."""
    async with db.write() as connection:
        await connection.execute(delete(schema.agent_events).where(_events.at < before))


def _offered(offer: Offer) -> dict[str, Any]:
    return {"offer_id": offer.id, "contact_id": offer.contact_id, "initial_contact_id": offer.conversation_id}
