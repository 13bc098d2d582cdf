"""Agents whose client has lost its connection: they get no offers, and go offline after a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.routing import AgentStatus
from routing import disconnected_agents
from store.connections import add_connection, mark_connection_lost
from store.database import Database
from tests.routing.event_reader import ANN, EventReader
from tests.routing.routing_records import agent, agent_state, enqueue, next_offer, staff
from tests.store.sample_records import START, after

ANN_CONNECTIONS = "/".join(ANN)


async def disconnect(db: Database, at: float = 0) -> bool:
    await add_connection(db, ANN_CONNECTIONS, "a-connection", "process")
    await mark_connection_lost(db, ANN_CONNECTIONS, "process", after(at))
    return await disconnected_agents.mark_agent_disconnected(db, ANN, ANN_CONNECTIONS, after(at))


@pytest.mark.parametrize("bound", [None, "ann"])
async def test_disconnected_agent_gets_no_offers_until_they_reconnect(db: Database, bound: str | None) -> None:
    await staff(db, agent("ann"))
    await enqueue(db, "c", bound_to=bound)
    assert await disconnect(db)
    assert await next_offer(db) is None
    assert (await agent_state(db, "ann")).status == AgentStatus.AVAILABLE
    await disconnected_agents.mark_agent_connected(db, ANN)
    assert await next_offer(db) == ("c", "ann")


async def test_preferred_contact_of_a_disconnected_agent_goes_to_another_agent(db: Database) -> None:
    await staff(db, agent("ann"), agent("bob"))
    await enqueue(db, "c", bound_to="ann", bound_until=after(60))
    await disconnect(db)
    assert await next_offer(db) == ("c", "bob")


async def test_agent_who_stays_disconnected_goes_offline_and_gets_an_event(db: Database) -> None:
    await staff(db, agent("ann"))
    reader = await EventReader(db).start()
    await disconnect(db)
    assert await disconnected_agents.set_offline_after_grace(db, START, after(150)) == []
    assert await disconnected_agents.set_offline_after_grace(db, START + timedelta(milliseconds=1), after(150)) == [ANN]
    assert await disconnected_agents.set_offline_after_grace(db, after(999), after(999)) == []
    state = await agent_state(db, "ann")
    assert (state.status, state.status_since) == (AgentStatus.OFFLINE, after(150))
    assert await reader.new_events() == [("status", "offline")]


async def test_agent_with_another_connection_is_not_disconnected(db: Database) -> None:
    await staff(db, agent("ann"))
    await add_connection(db, ANN_CONNECTIONS, "a-connection", "other")
    assert not await disconnected_agents.mark_agent_disconnected(db, ANN, ANN_CONNECTIONS, START)


async def test_offline_agent_is_not_marked_as_disconnected(db: Database) -> None:
    await staff(db, agent("ann"), status=AgentStatus.OFFLINE)
    assert not await disconnect(db)
    assert await disconnected_agents.set_offline_after_grace(db, after(999), after(999)) == []
