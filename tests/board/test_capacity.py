"""Capacity on the real engine: what takes it, for how long, and that offers never exceed it."""

from __future__ import annotations

import asyncio
from collections import Counter

<<<<<<< HEAD
from domain.conversation import State
from domain.events import Close, End, Transfer
from domain.routing import AgentStatus
from tests.board.floor import LIVE, PERSISTENT, floor
=======
from store.board.values import Presence
from tests.board.floor import LIVE, PERSISTENT, open_floor
>>>>>>> tests1
from tests.workflows.engine import Engine

ONE = {"a1": {"capacity": 1}}


<<<<<<< HEAD
async def test_routing_gives_nobody_too_much(engine: Engine) -> None:
    """Of more chats than there is room for, the first are offered and the others wait, however many look at once."""
    async with floor(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 3}}, away=("a1", "a2")) as here:
        chats = [await here.start() for _ in range(7)]
        await asyncio.gather(*(here.become(user, AgentStatus.AVAILABLE) for user in ("a1", "a2")))
        taken = Counter([await here.accept(chat) for chat in chats[:5]])
        assert taken == {"a1": 2, "a2": 3}
        await here.waits(*chats[5:])
=======
async def test_offers_never_exceed_the_agent_capacity(engine: Engine) -> None:
    """The first chats are offered up to the capacity. The others wait."""
    async with open_floor(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 3}}, away=("a1", "a2")) as floor:
        chats = [await floor.start() for _ in range(7)]
        await asyncio.gather(*(floor.set_status(user, Presence.AVAILABLE) for user in ("a1", "a2")))
        accepted = Counter([await floor.accept_offer(chat) for chat in chats[:5]])
        assert accepted == {"a1": 2, "a2": 3}
        await floor.assert_not_offered(*chats[5:])
>>>>>>> tests1
        await chats[0].do(End(by="agent"), Close())
        assert await floor.accept_offer(chats[5])
        await floor.assert_not_offered(chats[6])
        await floor.finish(*chats)


async def test_chats_of_several_workstreams_share_the_capacity_by_units(engine: Engine) -> None:
    big = {**LIVE, "queue": "experts", "units": 3}
    async with open_floor(engine, {"a1": {"capacity": 4}}, live=LIVE, big=big) as floor:
        first = await floor.assigned_chat("a1", "big")
        assert await floor.load("a1") == 3
        second = await floor.start("big")
        small = await floor.assigned_chat("a1")
        assert await floor.load("a1") == 4
        await floor.assert_not_offered(second)
        await first.do(End(by="agent"), Close())
        await floor.accept_offer(second, "a1")
        assert await floor.load("a1") == 4
        await floor.finish(second, small)


async def test_offers_from_a_queue_go_only_to_agents_who_serve_it(engine: Engine) -> None:
    experts = {**LIVE, "queue": "experts"}
    agents = {"a1": {"queues": ["support"]}, "a2": {"queues": ["experts"], "capacity": 1}}
    async with open_floor(engine, agents, live=LIVE, experts=experts) as floor:
        chats = [await floor.assigned_chat("a2", "experts"), await floor.start("experts")]
        await floor.assert_not_offered(chats[1])
        assert await floor.load("a1") == 0
        await chats[0].do(Transfer(contact_id="another", queue="support"))
        await floor.accept_offer(chats[0], "a1")
        await floor.accept_offer(chats[1], "a2")
        await floor.finish(*chats)


<<<<<<< HEAD
async def test_what_is_urgent_goes_first(engine: Engine) -> None:
    async with floor(engine, ONE, away=("a1",), live=LIVE, urgent={**LIVE, "priority": 1}) as here:
        calm, urgent = await here.start(), await here.start("urgent")
        await here.become("a1", AgentStatus.AVAILABLE)
        await here.accept(urgent, "a1")
        await here.waits(calm)
        await here.over(urgent)
        await here.accept(calm, "a1")
        await here.over(calm)
=======
async def test_urgent_chat_is_offered_first(engine: Engine) -> None:
    async with open_floor(engine, ONE, away=("a1",), live=LIVE, urgent={**LIVE, "priority": 1}) as floor:
        other, urgent = await floor.start(), await floor.start("urgent")
        await floor.set_status("a1", Presence.AVAILABLE)
        await floor.accept_offer(urgent, "a1")
        await floor.assert_not_offered(other)
        await floor.finish(urgent)
        await floor.accept_offer(other, "a1")
        await floor.finish(other)
>>>>>>> tests1


async def test_a_disconnected_chat_moves_to_wrap_up_and_holds_capacity_as_its_workstream_says(engine: Engine) -> None:
    """Dynamics 365: "Moves the chat from an Active to Wrap-up state, and updates agent capacity", as configured."""
    for setting, load in (("always", 1), ("never", 0)):
        workstream = {**LIVE, "wrap_up_holds": setting, "reconnect_window": "PT0.5S"}
        async with open_floor(engine, ONE, live=workstream) as floor:
            chat, next_chat = await floor.assigned_chat("a1"), await floor.start()
            await chat.signal("disconnect", {"by": "customer"})
            await chat.until(lambda state: state.state is State.WRAP_UP, "the chat is in wrap-up")
            if load:
                await floor.assert_not_offered(next_chat)
                assert await floor.load("a1") == 1
                await chat.do(Close())
            await floor.accept_offer(next_chat, "a1")
            assert await floor.load("a1") == 1, "the wrap-up takes no capacity"
            await floor.finish(chat, next_chat)


async def test_wrap_up_frees_its_capacity_after_the_configured_time(engine: Engine) -> None:
    async with open_floor(engine, ONE, live={**LIVE, "wrap_up_holds": "PT2S"}) as floor:
        chat, next_chat = await floor.assigned_chat("a1"), await floor.start()
        await chat.do(End(by="agent"))
        assert await floor.load("a1") == 1
        assert (await floor.row(next_chat)).offer is None
        await floor.accept_offer(next_chat, "a1")
        assert (await chat.state()).state is State.WRAP_UP
        assert await floor.load("a1") == 1, "only the new chat counts"
        await floor.finish(chat, next_chat)


<<<<<<< HEAD
async def test_who_leaves_once_they_are_free_is_offered_nothing_more(engine: Engine) -> None:
    """Also where nothing but time frees them."""
    async with floor(engine, {"a1": {"capacity": 2}}, live={**LIVE, "wrap_up_holds": "PT1S"}) as here:
        chat = await here.work("a1")
        await here.become("a1", AgentStatus.OFFLINE, when_free=True)
        late = await here.start()
        await here.waits(late)
        assert (await here.agent("a1")).presence is AgentStatus.AVAILABLE
        await chat.do(End(by="agent"))
        await here.until_presence("a1", AgentStatus.OFFLINE)
        await here.waits(late)
        await here.over(chat, late)
=======
async def test_agent_with_a_deferred_status_gets_no_more_offers(engine: Engine) -> None:
    """The deferred status also applies when only the end of a time limit frees the agent."""
    async with open_floor(engine, {"a1": {"capacity": 2}}, live={**LIVE, "wrap_up_holds": "PT1S"}) as floor:
        chat = await floor.assigned_chat("a1")
        await floor.set_status("a1", Presence.OFFLINE, when_free=True)
        next_chat = await floor.start()
        await floor.assert_not_offered(next_chat)
        assert (await floor.agent("a1")).presence is Presence.AVAILABLE
        await chat.do(End(by="agent"))
        await floor.wait_for_status("a1", Presence.OFFLINE)
        await floor.assert_not_offered(next_chat)
        await floor.finish(chat, next_chat)
>>>>>>> tests1


async def test_a_waiting_chat_takes_no_capacity(engine: Engine) -> None:
    """Dynamics 365: "Chats in a waiting stage do not take up agent capacity." Neither do open chats."""
    async with open_floor(engine, ONE, persistent=PERSISTENT) as floor:
        chat = await floor.assigned_chat("a1", "persistent")
        assert await floor.load("a1") == 1
        await floor.gateway.park(chat.id, by="agent")
        assert ((await chat.state()).state, await floor.load("a1")) == (State.WAITING, 0)
        await floor.finish(chat)
