"""What routing does: offers and their ends, agents who come and go, and the lists of queues, contacts and events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.routing import AgentStatus, OfferOutcome, RoutingStage
from routing import agent_events, agent_status, agents, board, disconnected_agents, offers, queues, supervision
from routing.agent_events import AgentId
from routing.connection_reports import connection_id
from routing.leases import Lease, end_leases, holds_lease, leases, take_lease
from routing.placement import remove_from_routing
from routing.priorities import adjust_wait, set_priority
from routing.records import OfferRules, RoutedAgent
from routing.rows import lock_agents
from routing.sent_positions import delete_sent_positions, record_sent_position, sent_positions
from store.associated_contacts import ContactPosition, associated_contacts
from store.connections import add_connection
from store.contact_search import ContactSearch, count_contacts
from store.conversations import find_conversation
from store.database import Database
from tests.plans.filled_store import ANN, BOB, CHAT, LONG, PARKED, SUPPORT
from tests.postgres import waits_for_a_lock
from tests.routing.routing_records import placement, put, report_offer_end, update_placement
from tests.store.sample_records import INSTANCE

RULES = OfferRules()
MINUTE = timedelta(minutes=1)


async def offers_of_a_queue(db: Database) -> None:
    """Offers that are accepted, rejected, missed and overdue, and a look at a queue that has nobody to offer it to."""
    now = datetime.now(UTC)
    assert await offers.offer_next(db, INSTANCE, LONG, {}, now) is None
    await put(db, placement("call", queue=SUPPORT, enqueued_at=now), now)
    await update_placement(db, "call", now)
    for outcome in (OfferOutcome.REJECTED, OfferOutcome.MISSED):
        offer = await offers.offer_next(db, INSTANCE, SUPPORT, {}, now)
        assert offer
        await offers.mark_delivered(db, offer)
        await report_offer_end(db, offer, outcome, now, missed_offer_limit=9)
    assert await offers.offer_next(db, INSTANCE, SUPPORT, {}, now) is None
    after_pause = now + RULES.pause + MINUTE
    offer = await offers.offer_next(db, INSTANCE, SUPPORT, {}, after_pause)
    assert offer
    await offers.undelivered_offers(db, after_pause + MINUTE)
    await offers.overdue_offers(db, after_pause + 9 * MINUTE)
    await offers.offers_to_absent_agents(db)
    await offers.offers_to_agent(db, INSTANCE, offer.user)
    assert await offers.end_offer(db, offer, OfferOutcome.MISSED, after_pause)
    offer = await offers.offer_next(db, INSTANCE, SUPPORT, {}, after_pause)
    assert offer
    await report_offer_end(db, offer, OfferOutcome.ACCEPTED, after_pause)
    await update_placement(db, "call", after_pause, stage=RoutingStage.WRAP_UP)
    await remove_from_routing(db, "call", after_pause)


async def offer_while_the_best_agent_is_locked(db: Database) -> None:
    """The next best agent gets it. On SQLite it waits, as every write does."""
    now = datetime.now(UTC)
    await put(db, placement("contended", queue=SUPPORT, enqueued_at=now), now)
    if db.is_postgres:
        other = Database.open(db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
        async with other.write() as connection:
            await lock_agents(db, connection, INSTANCE, [BOB])
            assert await offers.offer_next(db, INSTANCE, SUPPORT, {}, now)
            await remove_from_routing(db, "contended", now)
            await put(db, placement("contended", queue=SUPPORT, enqueued_at=now), now)
            await lock_agents(db, connection, INSTANCE, [ANN])
            waiting = asyncio.create_task(offers.offer_next(db, INSTANCE, SUPPORT, {}, now))
            while not await waits_for_a_lock(other):
                await asyncio.sleep(0.01)
        assert await waiting
        await other.close()
    await remove_from_routing(db, "contended", now)


async def returns_to_an_agent(db: Database) -> None:
    """A parked conversation that is reserved for its agent, claimed, and reserved for an agent who is gone."""
    now = datetime.now(UTC)
    await put(db, placement("returned", stage=RoutingStage.PARKED, agent=ANN, enqueued_at=now), now)
    reserved = {"stage": RoutingStage.QUEUED, "agent": None, "enqueued_at": now + MINUTE}
    await update_placement(db, "returned", now, **reserved, bound_to=ANN, bound_until=now + MINUTE)
    offer = await offers.offer_next(db, INSTANCE, SUPPORT, {}, now)
    assert offer
    await report_offer_end(db, offer, OfferOutcome.REJECTED, now, missed_offer_limit=9)
    await offers.claim_offer(db, "returned", BOB, now)
    await remove_from_routing(db, "returned", now)
    await put(db, placement("reserved", bound_to="agent-1", enqueued_at=now), now)
    offer = await offers.offer_next(db, INSTANCE, SUPPORT, {}, now + RULES.required_agent_timeout + MINUTE)
    assert offer
    absent = OfferOutcome.ABSENT
    await report_offer_end(db, offer, OfferOutcome.ACCEPTED, now)
    await report_offer_end(db, offer, absent, now, missed_offer_limit=None, stage=RoutingStage.QUEUED, agent=None)
    await remove_from_routing(db, "reserved", now)


async def statuses_of_agents(db: Database) -> None:
    """Changes of the status, a status that follows later, and a client that is lost."""
    now, agent = datetime.now(UTC), AgentId(INSTANCE, ANN)
    await agent_status.set_agent_status(db, INSTANCE, ANN, AgentStatus.AWAY, now, when_free=True)
    await agent_status.apply_next_statuses(db, now)
    await agent_status.set_agent_status(db, INSTANCE, ANN, AgentStatus.AVAILABLE, now)
    await agent_status.set_agent_status(db, INSTANCE, BOB, AgentStatus.AWAY, now)
    await put(db, placement("held", stage=RoutingStage.WORKING, agent=BOB, enqueued_at=now), now)
    await agent_status.set_agent_status(db, INSTANCE, BOB, AgentStatus.BUSY, now, when_free=True)
    await put(db, placement("held", revision=2, stage=RoutingStage.WRAP_UP, agent=BOB, enqueued_at=now), now)
    await remove_from_routing(db, "held", now)
    await agent_status.set_agent_status(db, INSTANCE, BOB, AgentStatus.AVAILABLE, now)
    client = connection_id(agent)
    await add_connection(db, client, "agents", "another-process")
    await disconnected_agents.mark_agent_disconnected(db, agent, f"{client}-gone", now)
    await disconnected_agents.set_offline_after_grace(db, now + MINUTE, now)
    await disconnected_agents.mark_agent_connected(db, agent)
    await agent_status.set_agent_status(db, INSTANCE, ANN, AgentStatus.AVAILABLE, now)
    await agents.agent_states(db, INSTANCE, now, users=[ANN, BOB])


async def events_of_an_agent(db: Database) -> None:
    """The poll of an agent socket, its resumption, an answer to an offer that has ended, and the removal of old events."""
    agent, other = AgentId(INSTANCE, ANN), AgentId(INSTANCE, "agent-1")
    head = (await agent_events.event_heads(db, [agent, other]))[agent].seq
    await agent_events.events_after(db, agent, head - 5)
    await agent_events.are_events_kept(db, agent, head - 5, head)
    await agent_events.find_ended_offer(db, agent, "unknown")
    await agent_events.delete_events(db, datetime.now(UTC) - timedelta(days=1))


async def queues_and_positions(db: Database) -> None:
    """The queues with work, the first of a queue, positions, and waits."""
    now = datetime.now(UTC)
    await queues.queues_with_work(db)
    await queues.queues_with_work_for(db, INSTANCE, ANN)
    first = (await queues.queued_contacts(db, INSTANCE, LONG, limit=5))[0]
    await queues.contacts_ahead(db, first.conversation_id)
    await supervision.queued_since(db, first.conversation_id)
    await queues.average_wait(db, INSTANCE, SUPPORT, now - queues.WAIT_WINDOW, last=5)
    await board.average_waits(db, INSTANCE, [SUPPORT, LONG], now - queues.WAIT_WINDOW, last=5)
    await put(db, placement("urgent", queue=SUPPORT, enqueued_at=now), now)
    assert await set_priority(db, "urgent", "urgent", 1) == (INSTANCE, SUPPORT)
    assert await adjust_wait(db, "urgent", "urgent", 60) == (INSTANCE, SUPPORT)
    await remove_from_routing(db, "urgent", now)
    await queues.delete_waits(db, now - queues.WAIT_WINDOW)
    await sent_positions(db, ["waiting-1", "waiting-2"])
    for position in (3, 2):
        await record_sent_position(db, "new", position, now)
    await delete_sent_positions(db, now - queues.WAIT_WINDOW)


async def leases_of_the_dispatchers(db: Database) -> None:
    """A lease that is taken, renewed and ended, and the comparison of the configured agents."""
    now = datetime.now(UTC)
    for minutes in (1, 2):
        await take_lease(db, INSTANCE, Lease("this-process", now + minutes * MINUTE, now, "file"), now)
    async with db.read() as transaction:
        assert await holds_lease(transaction, INSTANCE, "this-process")
    await leases(db)
    await end_leases(db, "this-process", now)
    await agents.are_configured(db, INSTANCE, agents.fingerprint_of([]))


async def lists_of_a_supervisor(db: Database) -> None:
    """Open contacts: all, by state, by queue and by agent."""
    for filters in (
        {},
        {"state": "ACTIVE"},
        {"state": "WRAP_UP"},
        {"queue": "none"},
        {"agent": ANN},
        {"agent": "none"},
    ):
        await supervision.open_contacts(db, INSTANCE, **filters, limit=5)
    await supervision.open_contacts(db, INSTANCE, state="WAITING", queue=PARKED, agent=ANN, limit=5)


ROUTING_WORK = (
    offers_of_a_queue,
    offer_while_the_best_agent_is_locked,
    returns_to_an_agent,
    statuses_of_agents,
    events_of_an_agent,
    queues_and_positions,
    leases_of_the_dispatchers,
    lists_of_a_supervisor,
)


async def lists_of_all(db: Database) -> None:
    """What is about everything that there is: the staff when it changes, all agents, and what is counted."""
    now = datetime.now(UTC)
    await supervision.queue_lengths(db, INSTANCE)
    await agents.agents_by_status(db, INSTANCE)
    await board.agents_on_board(db, INSTANCE)
    await board.held_contacts(db, INSTANCE, now)
    chat = await find_conversation(db, CHAT)
    assert chat
    first, *_ = await associated_contacts(db, chat, 5)
    await associated_contacts(db, chat, 5, ContactPosition(first[0].initiated_at, first[0].id))
    staff = [
        RoutedAgent(state.user, state.name, 5, frozenset({SUPPORT}))
        for state in await agents.agent_states(db, INSTANCE, now)
    ]
    changed = [replace(staff[0], capacity=6), *staff[1:-1], replace(staff[-1], user="new")]
    await agents.configure_agents(db, INSTANCE, changed, now)
    await agents.configure_agents(db, INSTANCE, staff, now)
    since = now - timedelta(days=50)
    await count_contacts(db, ContactSearch(instance=INSTANCE, moment="initiated_at", since=since, until=now))
