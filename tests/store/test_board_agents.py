from __future__ import annotations

import asyncio

import pytest

from store.board.agents import agents_now, configure
from store.board.presence import set_presence
from store.board.queues import queues_for
from store.board.values import Agent, AgentState, Presence, Stage
from store.database import Database
from tests.store.making import INSTANCE, START, after, count
from tests.store.on_board import agent, load, offered, placement, put, staff, state_of, wait_in_line


async def test_new_agents_are_offline(db: Database) -> None:
    await configure(db, INSTANCE, [Agent("ann", "Ann", 4, frozenset({"a", "b"}))], after(1))
    assert await agents_now(db, INSTANCE, after(2)) == [
        AgentState("ann", "Ann", 4, 0, Presence.OFFLINE, after(1), None, None, after(1), 0)
    ]


async def test_configuring_again_keeps_what_agents_say_of_themselves(db: Database) -> None:
    await staff(db, agent("ann", 1, "a"))
    await configure(db, INSTANCE, [Agent("ann", "Anna", 3, frozenset({"b"}))], after(9))
    state = await state_of(db, "ann")
    assert (state.name, state.capacity, state.presence) == ("Anna", 3, Presence.AVAILABLE)
    for queue in ("a", "b"):
        await put(db, placement(queue, queue=queue))
    assert await queues_for(db, INSTANCE, "ann") == ["b"]


async def test_who_is_gone_is_removed_from_all_queues_and_works_on(db: Database) -> None:
    await staff(db, agent("ann", 2, "a", "b"), agent("bob"))
    await put(db, placement(stage=Stage.WORKING, agent="ann"))
    await configure(db, INSTANCE, [agent("bob")], START)
    assert [state.user for state in await agents_now(db, INSTANCE, START)] == ["bob"]
    assert await count(db, "agent_queues") == 1
    assert await load(db, INSTANCE, ["ann", "bob"], START) == {"ann": 1, "bob": 0}
    assert await set_presence(db, INSTANCE, "ann", Presence.AVAILABLE, START) is False


async def test_instances_have_agents_of_their_own(db: Database) -> None:
    await configure(db, "other", [agent("ann")], START)
    await configure(db, INSTANCE, [], START)
    assert [state.user for state in await agents_now(db, "other", START)] == ["ann"]
    assert await agents_now(db, INSTANCE, START) == []


async def test_processes_that_configure_at_once_agree(db: Database, url: str) -> None:
    others = [Database.open(url) for _ in range(3)]
    people = [agent(f"a{n}", 2, *(f"q{k}" for k in range(20))) for n in range(20)]
    await asyncio.gather(*(configure(other, INSTANCE, people, START) for other in others))
    await asyncio.gather(*(other.close() for other in others))
    assert (await count(db, "agents"), await count(db, "agent_queues")) == (20, 400)


async def test_many_agents_of_many_queues_are_configured_in_one_go(db: Database) -> None:
    people = [agent(f"a{n}", 2, *(f"q{k}" for k in range(40))) for n in range(300)]
    await configure(db, INSTANCE, people, START)
    assert await count(db, "agent_queues") == 12_000
    await configure(db, INSTANCE, people[:2], START)
    assert (await count(db, "agents"), await count(db, "agent_queues")) == (2, 80)


async def test_with_less_capacity_what_is_too_much_is_worked_on_and_nothing_added(db: Database) -> None:
    await staff(db, agent("ann", 2))
    for id in ("c1", "c2"):
        await put(db, placement(id, stage=Stage.WORKING, agent="ann"))
    await staff(db, agent("ann", 1))
    await wait_in_line(db, "c3")
    assert (await state_of(db, "ann")).load == 2
    assert await offered(db) is None


@pytest.mark.parametrize(
    ("stages", "presence", "next"),
    [
        ((), Presence.AWAY, None),
        ((Stage.PARKED,), Presence.AWAY, None),
        ((Stage.WORKING,), Presence.BUSY, Presence.AWAY),
    ],
    ids=["idle", "only parked", "busy"],
)
async def test_who_wants_to_leave_leaves_at_once_or_when_free(
    db: Database, stages: tuple[Stage, ...], presence: Presence, next: Presence | None
) -> None:
    await staff(db, agent("ann"), presence=Presence.BUSY)
    for stage in stages:
        await put(db, placement(stage=stage, agent="ann"))
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    state = await state_of(db, "ann")
    assert (state.presence, state.next_presence) == (presence, next)


async def test_who_says_so_stays_after_all(db: Database) -> None:
    await staff(db, agent("ann"))
    await put(db, placement(stage=Stage.WORKING, agent="ann"))
    await set_presence(db, INSTANCE, "ann", Presence.AWAY, after(1), when_free=True)
    await set_presence(db, INSTANCE, "ann", Presence.AVAILABLE, after(2))
    state = await state_of(db, "ann")
    assert (state.presence, state.next_presence) == (Presence.AVAILABLE, None)


async def test_saying_the_same_again_does_not_begin_anew(db: Database) -> None:
    await staff(db, agent("ann"))
    since = (await state_of(db, "ann")).presence_since
    await set_presence(db, INSTANCE, "ann", Presence.AVAILABLE, after(1))
    assert (await state_of(db, "ann")).presence_since == since
