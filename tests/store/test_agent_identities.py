"""Identities of agents: one from the first sign-in until the agent is taken out, and never used again."""

from __future__ import annotations

import asyncio

from routing.agents import configure_agents
from store.agent_identities import begin_identity, end_identities, find_identities, find_identity
from store.conversations import find_participant, present_participants
from store.database import Database
from tests.routing.routing_records import agent
from tests.store.sample_records import AGENT, CUSTOMER, INSTANCE, START, after, record, record_chat, replaced, snapshot


async def test_identity_stays_until_it_ends_and_is_not_used_again(db: Database) -> None:
    assert await find_identity(db, INSTANCE, "ann") is None
    first = await begin_identity(db, INSTANCE, "ann")
    assert await begin_identity(db, INSTANCE, "ann") == await find_identity(db, INSTANCE, "ann") == first
    bob, other = await begin_identity(db, INSTANCE, "bob"), await begin_identity(db, "other", "ann")
    async with db.write() as connection:
        await end_identities(connection, INSTANCE, ["ann", "nobody"])
    assert await find_identity(db, INSTANCE, "ann") is None
    second = await begin_identity(db, INSTANCE, "ann")
    assert len({first, second, bob, other}) == 4
    agents = [(INSTANCE, "ann"), (INSTANCE, "bob"), (INSTANCE, "nobody")]
    assert await find_identities(db, agents) == {(INSTANCE, "ann"): second, (INSTANCE, "bob"): bob}
    assert await find_identity(db, "other", "ann") == other


async def test_concurrent_sign_ins_of_an_agent_get_the_same_identity(db: Database) -> None:
    found = await asyncio.gather(*(begin_identity(db, INSTANCE, "ann") for _ in range(10)))
    assert len(set(found)) == 1


async def test_identities_of_agents_who_are_not_configured_end(db: Database) -> None:
    """Also that of an agent who was never written to the store: the process died between the sign-in and the write."""
    await configure_agents(db, INSTANCE, [agent("ann"), agent("bob")], START)
    for user in ("ann", "bob", "never-written"):
        await begin_identity(db, INSTANCE, user)
    await configure_agents(db, INSTANCE, [agent("bob")], START, removes=False)
    assert await find_identity(db, INSTANCE, "ann"), "a newer process may know the agent"
    await configure_agents(db, INSTANCE, [agent("bob")], START)
    found = [await find_identity(db, INSTANCE, user) for user in ("ann", "bob", "never-written")]
    assert (found[0], bool(found[1]), found[2]) == (None, True, None)


async def test_participant_has_the_present_identity_of_its_agent(db: Database) -> None:
    await record_chat(db)
    await begin_identity(db, "other", "ann")
    assert await present_participants(db, [AGENT.id, CUSTOMER.id, "x"]) == {AGENT.id: None, CUSTOMER.id: None}
    identity = await begin_identity(db, INSTANCE, "ann")
    assert [row[3] for id in (AGENT.id, CUSTOMER.id) if (row := await find_participant(db, id))] == [identity, None]
    assert await present_participants(db, [AGENT.id, CUSTOMER.id]) == {AGENT.id: identity, CUSTOMER.id: None}
    await record(db, "c", snapshot=snapshot(2, participants=(CUSTOMER, replaced(AGENT, left_at=after(9)))))
    assert await present_participants(db, [AGENT.id, CUSTOMER.id]) == {CUSTOMER.id: None}
