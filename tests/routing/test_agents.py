"""Agent status, next status and missed-offer limit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.routing import AgentStatus, RoutingStage
from routing.agent_status import set_agent_status
from routing.agents import agent_states, are_configured, configure_agents, fingerprint_of
from routing.queues import queues_with_work_for
from routing.records import AgentState, RoutedAgent
from store.database import Database
from tests.routing.routing_records import agent, agent_state, enqueue, load_by_agent, next_offer, placement, put, staff
from tests.store.sample_records import INSTANCE, START, after, count


async def test_new_agents_are_offline(db: Database) -> None:
    await configure_agents(db, INSTANCE, [RoutedAgent("ann", "Ann", 4, frozenset({"a", "b"}))], after(1))
    assert await agent_states(db, INSTANCE, after(2)) == [
        AgentState("ann", "Ann", 4, 0, AgentStatus.OFFLINE, after(1), None, None, after(1), 0)
    ]


async def test_reconfiguration_keeps_the_agent_status_and_updates_the_rest(db: Database) -> None:
    await staff(db, agent("ann", 1, "a"))
    await configure_agents(db, INSTANCE, [RoutedAgent("ann", "Anna", 3, frozenset({"b"}))], after(9))
    state = await agent_state(db, "ann")
    assert (state.name, state.capacity, state.status) == ("Anna", 3, AgentStatus.AVAILABLE)
    for queue in ("a", "b"):
        await put(db, placement(queue, queue=queue))
    assert await queues_with_work_for(db, INSTANCE, "ann") == ["b"]


async def test_removed_agent_leaves_all_queues_and_keeps_their_contacts(db: Database) -> None:
    await staff(db, agent("ann", 2, "a", "b"), agent("bob"))
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    await configure_agents(db, INSTANCE, [agent("bob")], START)
    assert [state.user for state in await agent_states(db, INSTANCE, START)] == ["bob"]
    assert await count(db, "agent_queues") == 1
    assert await load_by_agent(db, INSTANCE, ["ann", "bob"], START) == {"ann": 1, "bob": 0}
    assert await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, START) is False


async def test_agents_of_one_instance_do_not_affect_another_instance(db: Database) -> None:
    await configure_agents(db, "other", [agent("ann")], START)
    await configure_agents(db, INSTANCE, [], START)
    assert [state.user for state in await agent_states(db, "other", START)] == ["ann"]
    assert await agent_states(db, INSTANCE, START) == []


async def test_concurrent_configuration_by_several_processes_is_consistent(db: Database, url: str) -> None:
    processes = [Database.open(url) for _ in range(3)]
    agents = [agent(f"a{n}", 2, *(f"q{k}" for k in range(20))) for n in range(20)]
    await asyncio.gather(*(configure_agents(process, INSTANCE, agents, START) for process in processes))
    await asyncio.gather(*(process.close() for process in processes))
    assert (await count(db, "agents"), await count(db, "agent_queues")) == (20, 400)


async def test_configured_agents_are_known_by_their_fingerprint(db: Database) -> None:
    ann, bob = agent("ann", 1, "a", "b"), agent("bob")
    before = fingerprint_of([ann, bob])
    assert not await are_configured(db, INSTANCE, before)
    await configure_agents(db, INSTANCE, [ann, bob], START)
    assert await are_configured(db, INSTANCE, fingerprint_of([bob, ann]))
    assert not await are_configured(db, "other", before)
    for changed in (
        [ann],
        [ann, replace(bob, name="Rob")],
        [ann, replace(bob, capacity=2)],
        [agent("ann", 1, "a"), bob],
    ):
        await configure_agents(db, INSTANCE, changed, START)
        assert await are_configured(db, INSTANCE, fingerprint_of(changed))
        assert not await are_configured(db, INSTANCE, before)


async def test_many_agents_with_many_queues_are_configured_in_one_call(db: Database) -> None:
    agents = [agent(f"a{n}", 2, *(f"q{k}" for k in range(40))) for n in range(300)]
    await configure_agents(db, INSTANCE, agents, START)
    assert await count(db, "agent_queues") == 12_000
    await configure_agents(db, INSTANCE, agents[:2], START)
    assert (await count(db, "agents"), await count(db, "agent_queues")) == (2, 80)


async def test_agent_over_a_reduced_capacity_keeps_contacts_and_gets_no_more(db: Database) -> None:
    await staff(db, agent("ann", 2))
    for id in ("c1", "c2"):
        await put(db, placement(id, stage=RoutingStage.WORKING, agent="ann"))
    await staff(db, agent("ann", 1))
    await enqueue(db, "c3")
    assert (await agent_state(db, "ann")).load == 2
    assert await next_offer(db) is None


@pytest.mark.parametrize(
    ("stages", "status", "next"),
    [
        ((), AgentStatus.AWAY, None),
        ((RoutingStage.PARKED,), AgentStatus.AWAY, None),
        ((RoutingStage.WORKING,), AgentStatus.BUSY, AgentStatus.AWAY),
    ],
    ids=["idle", "only a parked contact", "working"],
)
async def test_deferred_status_applies_at_once_or_when_the_agent_is_free(
    db: Database, stages: tuple[RoutingStage, ...], status: AgentStatus, next: AgentStatus | None
) -> None:
    await staff(db, agent("ann"), status=AgentStatus.BUSY)
    for stage in stages:
        await put(db, placement(stage=stage, agent="ann"))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    state = await agent_state(db, "ann")
    assert (state.status, state.next_status) == (status, next)


async def test_new_status_cancels_a_deferred_status(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=RoutingStage.WORKING, agent="ann"))
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AWAY, after(1), when_free=True)
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, after(2))
    state = await agent_state(db, "ann")
    assert (state.status, state.next_status) == (AgentStatus.AVAILABLE, None)


async def test_repeated_status_keeps_its_start_time(db: Database) -> None:
    await staff(db, agent("ann"))
    since = (await agent_state(db, "ann")).status_since
    await set_agent_status(db, INSTANCE, "ann", AgentStatus.AVAILABLE, after(1))
    assert (await agent_state(db, "ann")).status_since == since
