"""Helpers that write and read routing records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from domain.conversation import ConversationSnapshot
from domain.routing import FOREVER, AgentStatus, EndedOffer, Offer, OfferOutcome, Placement, RoutingStage
from routing.agent_status import set_agent_status
from routing.agents import agent_states, configure_agents
from routing.load import load_of
from routing.offers import offer_next
from routing.placement import write_placement
from routing.records import AgentState, OfferRules, RoutedAgent
from routing.rows import ROUTING_COLUMNS, RoutingRow
from store import schema
from store.conversations import write_conversation
from store.database import Database
from tests.store.sample_records import INSTANCE, START, after

QUEUE = "support"
ROUTING_OUTCOMES = tuple(outcome for outcome in OfferOutcome if outcome is not OfferOutcome.ABSENT)
"""The outcomes that an offer in routing can have."""


def agent(user: str, capacity: int = 1, *queues: str) -> RoutedAgent:
    return RoutedAgent(user, user.title(), capacity, frozenset(queues or [QUEUE]))


async def staff(db: Database, *agents: RoutedAgent, status: AgentStatus = AgentStatus.AVAILABLE) -> None:
    """Configure exactly these agents and set their status, each one second after the one before."""
    await configure_agents(db, INSTANCE, agents, START)
    for seconds, agent in enumerate(agents):
        await set_agent_status(
            db, INSTANCE, agent.user, status, START - timedelta(hours=1) + timedelta(seconds=seconds)
        )


def placement(id: str = "c", **changes: Any) -> Placement:
    fields: dict[str, Any] = {
        "stage": RoutingStage.QUEUED,
        "revision": 1,
        "instance": INSTANCE,
        "queue": QUEUE,
        "workstream": "flow-1",
        "contact_id": id,
        "enqueued_at": START,
        **changes,
    }
    return Placement(conversation_id=id, **fields)


async def record_placement(db: Database, snapshot: ConversationSnapshot) -> None:
    """Write a snapshot with its placement in one transaction, as the `record` activity does."""
    placement = snapshot.placement
    async with db.write() as connection:
        await write_conversation(db, connection, placement.conversation_id, snapshot=snapshot)
        await write_placement(db, connection, placement, START)


async def put(db: Database, placed: Placement, now: datetime = START) -> None:
    async with db.write() as connection:
        await write_placement(db, connection, placed, now)


async def enqueue(db: Database, *ids: str, **changes: Any) -> None:
    """Queue contacts, each one second after the one before."""
    for seconds, id in enumerate(ids):
        await put(db, placement(id, **({"enqueued_at": after(seconds)} | changes)))


async def next_offer(
    db: Database, now: datetime = START, rules: Mapping[str, OfferRules] | None = None, queue: str = QUEUE
) -> tuple[str, str] | None:
    """Make the next offer and return its conversation and agent, or None."""
    offer = await offer_next(db, INSTANCE, queue, rules or {}, now)
    return None if offer is None else (offer.conversation_id, offer.user)


async def all_offers(
    db: Database, now: datetime = START, rules: Mapping[str, OfferRules] | None = None
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    while offer := await next_offer(db, now, rules):
        found.append(offer)
    return found


async def make_offer(db: Database, now: datetime = START, rules: Mapping[str, OfferRules] | None = None) -> Offer:
    offer = await offer_next(db, INSTANCE, QUEUE, rules or {}, now)
    assert offer
    return offer


async def report_offer_end(
    db: Database, offer: Offer, outcome: OfferOutcome, now: datetime = START, **changes: Any
) -> None:
    """Write the placement that ends an offer: the agent works on the contact, or it waits as before."""
    row = await routing_row(db, offer.conversation_id)
    assert row
    accepted = outcome is OfferOutcome.ACCEPTED
    changed = {
        "stage": RoutingStage.WORKING if accepted else RoutingStage.QUEUED,
        "agent": offer.user if accepted else None,
        "ended_offers": (EndedOffer(id=offer.id, user=offer.user, outcome=outcome),),
        "revision": row.revision + 1,
        **changes,
    }
    await put(db, placement_from(row, **changed), now)


def placement_from(row: RoutingRow, **changes: Any) -> Placement:
    """The placement that a row came from, one revision later and with these changes."""
    fields: dict[str, Any] = {
        "queue": row.queue,
        "workstream": row.workstream,
        "contact_id": row.contact_id,
        "stage": RoutingStage(row.stage),
        "enqueued_at": row.enqueued_at,
        "agent": row.agent,
        "units": row.units,
        "ahead": not row.in_turn,
        "priority": row.priority,
        "bound_to": row.bound_to or None,
        "bound_until": None if row.bound_until == FOREVER else row.bound_until,
        "revision": row.revision + 1,
        **changes,
    }
    return Placement(conversation_id=row.conversation_id, instance=row.instance, **fields)


async def update_placement(db: Database, id: str, now: datetime = START, **changes: Any) -> None:
    """Write the next placement of a conversation, with these changes."""
    row = await routing_row(db, id)
    assert row
    await put(db, placement_from(row, **changes), now)


async def routing_row(db: Database, id: str) -> RoutingRow | None:
    query = select(*ROUTING_COLUMNS).where(schema.routing.c.conversation_id == id)
    async with db.read() as connection:
        row = (await connection.execute(query)).one_or_none()
    return None if row is None else RoutingRow(*row)


async def agent_state(db: Database, user: str, now: datetime = START) -> AgentState:
    (state,) = await agent_states(db, INSTANCE, now, users=[user])
    return state


async def load_by_agent(db: Database, instance: str, users: Iterable[str], now: datetime) -> dict[str, int]:
    """The units that the contacts of each agent take, including agents who are no longer configured."""
    async with db.read() as connection:
        sums = {user: select(load_of(instance, user, now)) for user in users}
        return {user: (await connection.execute(query)).scalar_one() for user, query in sums.items()}
