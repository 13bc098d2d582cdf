"""Capacity on the real engine: what takes it, for how long, and that routing never gives anybody too much."""

from __future__ import annotations

import asyncio
from collections import Counter

from store.board.values import Presence
from tests.board.floor import LIVE, PERSISTENT, floor
from tests.workflows.engine import Engine
from workflows.events import Close, End, Park, Transfer
from workflows.values import State

ONE = {"a1": {"capacity": 1}}


async def test_routing_gives_nobody_too_much(engine: Engine) -> None:
    """Of more chats than there is room for, the first are offered and the others wait, however many look at once."""
    async with floor(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 3}}, away=("a1", "a2")) as here:
        chats = [await here.start() for _ in range(7)]
        await asyncio.gather(*(here.become(user, Presence.AVAILABLE) for user in ("a1", "a2")))
        taken = Counter([await here.accept(chat) for chat in chats[:5]])
        assert taken == {"a1": 2, "a2": 3}
        await here.waits(*chats[5:])
        await chats[0].do(End(by="agent"), Close())
        assert await here.accept(chats[5])
        await here.waits(chats[6])
        await here.over(*chats)


async def test_chats_of_several_workstreams_share_the_capacity_in_units(engine: Engine) -> None:
    big = {**LIVE, "queue": "experts", "units": 3}
    async with floor(engine, {"a1": {"capacity": 4}}, live=LIVE, big=big) as here:
        first = await here.work("a1", "big")
        assert await here.load("a1") == 3
        second = await here.start("big")
        small = await here.work("a1")
        assert await here.load("a1") == 4
        await here.waits(second)
        await first.do(End(by="agent"), Close())
        await here.accept(second, "a1")
        assert await here.load("a1") == 4
        await here.over(second, small)


async def test_a_queue_is_offered_to_those_who_serve_it(engine: Engine) -> None:
    experts = {**LIVE, "queue": "experts"}
    agents = {"a1": {"queues": ["support"]}, "a2": {"queues": ["experts"], "capacity": 1}}
    async with floor(engine, agents, live=LIVE, experts=experts) as here:
        chats = [await here.work("a2", "experts"), await here.start("experts")]
        await here.waits(chats[1])
        assert await here.load("a1") == 0
        await chats[0].do(Transfer(contact_id="another", queue="support"))
        await here.accept(chats[0], "a1")
        await here.accept(chats[1], "a2")
        await here.over(*chats)


async def test_what_is_urgent_goes_first(engine: Engine) -> None:
    async with floor(engine, ONE, away=("a1",), live=LIVE, urgent={**LIVE, "priority": 1}) as here:
        calm, urgent = await here.start(), await here.start("urgent")
        await here.become("a1", Presence.AVAILABLE)
        await here.accept(urgent, "a1")
        await here.waits(calm)
        await here.over(urgent)
        await here.accept(calm, "a1")
        await here.over(calm)


async def test_a_disconnected_chat_moves_to_wrap_up_and_holds_capacity_as_its_workstream_says(engine: Engine) -> None:
    """Dynamics 365: "Moves the chat from an Active to Wrap-up state, and updates agent capacity", as the workstream says."""
    for how, load in (("always", 1), ("never", 0)):
        workstream = {**LIVE, "wrap_up_holds": how, "reconnect_window": "PT0.5S"}
        async with floor(engine, ONE, live=workstream) as here:
            chat, behind = await here.work("a1"), await here.start()
            await chat.signal("disconnect", {"by": "customer"})
            await chat.until(lambda state: state.state is State.WRAP_UP, "it is wrapped up")
            if load:
                await here.waits(behind)
                assert await here.load("a1") == 1
                await chat.do(Close())
            await here.accept(behind, "a1")
            assert await here.load("a1") == 1, "the wrap-up takes nothing any more"
            await here.over(chat, behind)


async def test_a_wrap_up_that_holds_for_a_time_frees_by_itself(engine: Engine) -> None:
    async with floor(engine, ONE, live={**LIVE, "wrap_up_holds": "PT2S"}) as here:
        chat, behind = await here.work("a1"), await here.start()
        await chat.do(End(by="agent"))
        assert await here.load("a1") == 1
        assert (await here.row(behind)).offer is None
        await here.accept(behind, "a1")
        assert (await chat.state()).state is State.WRAP_UP
        assert await here.load("a1") == 1, "only the new one counts"
        await here.over(chat, behind)


async def test_who_leaves_once_they_are_free_is_offered_nothing_more(engine: Engine) -> None:
    """Also where nothing but time frees them."""
    async with floor(engine, {"a1": {"capacity": 2}}, live={**LIVE, "wrap_up_holds": "PT1S"}) as here:
        chat = await here.work("a1")
        await here.become("a1", Presence.OFFLINE, when_free=True)
        late = await here.start()
        await here.waits(late)
        assert (await here.agent("a1")).presence is Presence.AVAILABLE
        await chat.do(End(by="agent"))
        await here.until_presence("a1", Presence.OFFLINE)
        await here.waits(late)
        await here.over(chat, late)


async def test_a_waiting_chat_takes_no_capacity(engine: Engine) -> None:
    """Dynamics 365: "Chats in a waiting stage do not take up agent capacity." Neither do open ones, whoever had them before."""
    async with floor(engine, ONE, persistent=PERSISTENT) as here:
        chat = await here.work("a1", "persistent")
        assert await here.load("a1") == 1
        await here.client.ask(chat.id, Park(by="agent"))
        assert ((await chat.state()).state, await here.load("a1")) == (State.WAITING, 0)
        await here.over(chat)
