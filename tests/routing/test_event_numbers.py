"""The numbers of agent events have no gaps and only grow, so that a reader can resume."""

from __future__ import annotations

import asyncio

import pytest

from domain.routing import AgentStatus, RoutingStage
from routing import agent_events
from routing.agent_status import set_agent_status
from routing.agents import configure_agents
from store.database import Database
from tests.routing.event_reader import ANN, BOB, event_readers, head_of
from tests.routing.routing_records import agent, placement, put, staff, update_placement
from tests.store.sample_records import INSTANCE, START, after


async def test_failed_write_adds_no_event(db: Database) -> None:
    await staff(db, agent("ann"))
    before = await head_of(db)

    async def fail() -> None:
        async with db.write() as connection:
            await agent_events.write_event(connection, *ANN, "state", {}, START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await head_of(db), await agent_events.events_after(db, ANN, before)) == (before, [])


async def test_concurrent_writers_number_events_without_gaps(db: Database, url: str) -> None:
    """A concurrent reader never sees a number before all lower numbers."""
    await staff(db, agent("ann", 100), agent("bob", 100))
    ann, bob = await event_readers(db)
    processes = [Database.open(url) for _ in range(3)]

    async def write(number: int) -> None:
        process = processes[number % 3]
        for round in range(5):
            id = f"c{number}-{round}"
            await put(process, placement(id, stage=RoutingStage.WORKING, agent="ann"))
            await update_placement(process, id, agent="bob", contact_id="leg-2")
            await update_placement(process, id, agent="ann", contact_id="leg-3")

    count = 0
    writing = asyncio.gather(*(write(number) for number in range(6)))
    while not writing.done():
        count += len(await ann.new_events())
        await asyncio.sleep(0.002)
    await writing
    count += len(await ann.new_events())
    assert (count, len(await bob.new_events())) == (6 * 5 * 3, 6 * 5 * 2)
    assert (ann.cursor, bob.cursor) == (await head_of(db), await head_of(db, BOB))
    for other in processes:
        await other.close()


async def test_is_kept_is_true_only_for_positions_in_the_stored_range(db: Database) -> None:
    await staff(db, agent("ann"))
    first = await head_of(db)
    for seconds, status in enumerate([AgentStatus.BUSY, AgentStatus.AWAY, AgentStatus.AVAILABLE]):
        await set_agent_status(db, INSTANCE, "ann", status, after(seconds))
    head = await head_of(db)
    assert head == first + 3
    await agent_events.delete_events(db, after(1))
    kept = [
        await agent_events.are_events_kept(db, ANN, number, head)
        for number in (first, first + 1, head, head + 1, -1, 2**70)
    ]
    assert kept == [False, True, True, False, False, False]


async def test_event_numbers_grow_when_an_agent_is_removed_and_configured_again(db: Database) -> None:
    await configure_agents(db, INSTANCE, [agent("ann")], START)
    for status in (AgentStatus.BUSY, AgentStatus.AWAY):
        await set_agent_status(db, INSTANCE, "ann", status, START)
    before = await head_of(db)
    await configure_agents(db, INSTANCE, [], after(1))
    await configure_agents(db, INSTANCE, [agent("ann")], after(2))
    assert await head_of(db) > before
