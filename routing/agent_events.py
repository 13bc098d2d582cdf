"""Events for an agent's client. An event is written in the transaction of the change that it reports, and deleted after a day.

Each agent's events are numbered without gaps, in the order of their commits. The last number is a column of the agent's row, and
writing an event locks that row. A transaction that writes events for several agents first locks them all (`rows.lock_agents`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, bindparam, func, insert, literal_column, select, update

from domain.instants import iso
from domain.routing import AgentStatus, Offer, OfferOutcome
from store import schema
from store.cleanup import delete_before
from store.database import Database
from store.feed_derivation import event_of_presence
from store.feed_writes import write_agent_event
from store.pairs import PAIRS, among_pairs
from store.transaction import Transaction

AgentEventKind = Literal["offer", "offer-over", "assigned", "returned", "state", "status", "monitor"]

_agents, _events = schema.agents.c, schema.agent_events.c
_NEXT_SEQ = (
    update(schema.agents)
    .where(_agents.instance == bindparam("where_instance"), _agents.user == bindparam("where_user"))
    .values(event_seq=_agents.event_seq + 1)
    .returning(_agents.event_seq)
)
_INSERT = insert(schema.agent_events)

MAX_ENDED_OFFERS = 100
"""How many of an agent's last ended offers `find_ended_offer` searches."""


class AgentId(NamedTuple):
    """An agent of an instance."""

    instance: str
    user: str


class AgentEventHead(NamedTuple):
    """The number of an agent's last event, with the agent status after it."""

    seq: int
    status: AgentStatus
    next_status: AgentStatus | None


class AgentEvent(NamedTuple):
    """One event for an agent's client."""

    seq: int
    at: datetime
    kind: str
    body: dict[str, Any]


async def write_event(
    connection: Transaction, instance: str, user: str, kind: AgentEventKind, body: Mapping[str, Any], now: datetime
) -> int | None:
    """Writes an event within the caller's transaction. Locks the agent. Writes nothing for an agent who is not configured.

    Returns:
        The number of the event; None for an agent who is not configured.
    """
    found = await connection.execute(_NEXT_SEQ, {"where_instance": instance, "where_user": user})
    seq = found.scalar_one_or_none()
    if seq is not None:
        event = {"instance": instance, "user": user, "seq": seq, "at": now, "kind": kind, "body": dict(body)}
        await connection.execute(_INSERT, event)
    return seq


async def write_offer_event(connection: Transaction, offer: Offer, *, claimed: bool) -> None:
    """Writes the event `offer`. `claimed`: the agent picked or resumed the conversation; else routing pushed it."""
    details = {"queue": offer.queue, "workstream": offer.workstream}
    body = {**_offer_ids(offer), **details, "until": iso(offer.until), "claimed": claimed}
    await write_event(connection, offer.instance, offer.user, "offer", body, offer.offered_at)


async def write_outcome_event(connection: Transaction, offer: Offer, outcome: OfferOutcome, now: datetime) -> None:
    """Writes the event `offer-over`: an offer to an agent has ended."""
    await write_event(
        connection, offer.instance, offer.user, "offer-over", {**_offer_ids(offer), "outcome": outcome}, now
    )


async def write_status_event(
    connection: Transaction, instance: str, user: str, status: str, next_status: str | None, now: datetime
) -> None:
    """Writes the event `status`, also to the feed. `next_status` follows once the load is zero; None when no other follows."""
    body = {"status": status, "next_status": next_status}
    number = await write_event(connection, instance, user, "status", body, now)
    if number is not None:
        changed = event_of_presence(instance, user, number, status, next_status, now)
        await write_agent_event(connection, instance, user, changed)


async def event_heads(db: Database, agents: Collection[AgentId]) -> dict[AgentId, AgentEventHead]:
    """The last event number and the agent status of some agents; agents who are not configured are missing."""
    rows = await db.rows(_heads(postgres=db.is_postgres), {PAIRS: list(agents)})
    return {
        AgentId(instance, user): AgentEventHead(seq, AgentStatus(status), AgentStatus(next) if next else None)
        for instance, user, seq, status, next in rows
    }


@cache
def _heads(*, postgres: bool) -> Select[*tuple[Any, ...]]:
    head = select(_agents.instance, _agents.user, _agents.event_seq, _agents.status, _agents.next_status)
    return among_pairs(head, _agents.instance, _agents.user, postgres=postgres)


async def events_after(db: Database, agent: AgentId, after: int, limit: int = 500) -> list[AgentEvent]:
    """An agent's first `limit` events with a number greater than `after`, in order."""
    query = (
        select(_events.seq, _events.at, _events.kind, _events.body)
        .where(_events.instance == agent.instance, _events.user == agent.user, _events.seq > after)
        .order_by(_events.seq)
        .limit(limit)
    )
    async with db.read() as connection:
        return [AgentEvent(*row) for row in await connection.execute(query)]


async def are_events_kept(db: Database, agent: AgentId, after: int, head: int) -> bool:
    """Whether all events after number `after` up to number `head` are still stored. False when `after` is not in 0..`head`."""
    if not 0 <= after <= head:
        return False
    between = (_events.instance == agent.instance, _events.user == agent.user, _events.seq.between(after + 1, head))
    async with db.read() as connection:
        kept = (await connection.execute(select(func.count()).where(*between))).scalar_one()
    return kept == head - after


async def find_ended_offer(db: Database, agent: AgentId, offer_id: str) -> tuple[str, OfferOutcome] | None:
    """As `ended_offer`, in a transaction of its own."""
    async with db.read() as connection:
        return await ended_offer(connection, agent, offer_id)


async def ended_offer(connection: Transaction, agent: AgentId, offer_id: str) -> tuple[str, OfferOutcome] | None:
    """The conversation id and the outcome of an ended offer to an agent.

    None when the offer is not among the agent's last `MAX_ENDED_OFFERS` ended offers, or its event is deleted.
    """
    this_agent = (_events.instance == agent.instance, _events.user == agent.user)
    # a literal, because with a parameter the planner does not use a partial index
    is_ended_offer = _events.kind == literal_column("'offer-over'")
    query = select(_events.body).where(*this_agent, is_ended_offer).order_by(_events.seq.desc()).limit(MAX_ENDED_OFFERS)
    for body in (await connection.execute(query)).scalars():
        if body["offer_id"] == offer_id:
            return body["initial_contact_id"], OfferOutcome(body["outcome"])
    return None


async def delete_events(db: Database, before: datetime) -> None:
    """Deletes the events of all agents before an instant. Numbers are not used again."""
    await delete_before(db, _events.at, before)


def _offer_ids(offer: Offer) -> dict[str, Any]:
    return {"offer_id": offer.id, "contact_id": offer.contact_id, "initial_contact_id": offer.conversation_id}
