"""Capacity on the real engine: the chats that take it, the time for which they do, and its limit for offers."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from domain.conversation import State
from domain.events import Close, End, Park, Transfer
from domain.routing import AgentStatus
from tests.distribution.contact_centre import LIVE, PERSISTENT, open_contact_centre
from tests.workflows.engine import Engine

pytestmark = pytest.mark.slow

ONE = {"a1": {"capacity": 1}}


async def test_offers_never_exceed_the_agent_capacity(engine: Engine) -> None:
    """The first chats are offered up to the capacity. The others wait."""
    async with open_contact_centre(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 3}}, away=("a1", "a2")) as centre:
        chats = [await centre.start() for _ in range(7)]
        await asyncio.gather(*(centre.set_status(user, AgentStatus.AVAILABLE) for user in ("a1", "a2")))
        accepted = Counter([await centre.accept_offer(chat) for chat in chats[:5]])
        assert accepted == {"a1": 2, "a2": 3}
        await centre.assert_not_offered(*chats[5:])
        await chats[0].do(End(by="agent"), Close())
        assert await centre.accept_offer(chats[5])
        await centre.assert_not_offered(chats[6])
        await centre.finish(*chats)


async def test_chats_of_several_workstreams_share_the_capacity_by_units(engine: Engine) -> None:
    big = {**LIVE, "queue": "experts", "units": 3}
    async with open_contact_centre(engine, {"a1": {"capacity": 4}}, live=LIVE, big=big) as centre:
        first = await centre.assigned_chat("a1", "big")
        assert await centre.load("a1") == 3
        second = await centre.start("big")
        small = await centre.assigned_chat("a1")
        assert await centre.load("a1") == 4
        await centre.assert_not_offered(second)
        await first.do(End(by="agent"), Close())
        await centre.accept_offer(second, "a1")
        assert await centre.load("a1") == 4
        await centre.finish(second, small)


async def test_offers_from_a_queue_go_only_to_agents_who_serve_it(engine: Engine) -> None:
    experts = {**LIVE, "queue": "experts"}
    agents = {"a1": {"queues": ["support"]}, "a2": {"queues": ["experts"], "capacity": 1}}
    async with open_contact_centre(engine, agents, live=LIVE, experts=experts) as centre:
        chats = [await centre.assigned_chat("a2", "experts"), await centre.start("experts")]
        await centre.assert_not_offered(chats[1])
        assert await centre.load("a1") == 0
        await chats[0].do(Transfer(contact_id="another", queue="support"))
        await centre.accept_offer(chats[0], "a1")
        await centre.accept_offer(chats[1], "a2")
        await centre.finish(*chats)


async def test_urgent_chat_is_offered_first(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, away=("a1",), live=LIVE, urgent={**LIVE, "priority": 1}) as centre:
        other, urgent = await centre.start(), await centre.start("urgent")
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        await centre.accept_offer(urgent, "a1")
        await centre.assert_not_offered(other)
        await centre.finish(urgent)
        await centre.accept_offer(other, "a1")
        await centre.finish(other)


async def test_wrap_up_of_a_disconnected_chat_holds_capacity_as_configured(engine: Engine) -> None:
    """Dynamics 365: "Moves the chat from an Active to Wrap-up state, and updates agent capacity", as configured."""
    for setting, load in (("always", 1), ("never", 0)):
        workstream = {**LIVE, "wrap_up_holds": setting, "reconnect_window": "PT0.5S"}
        async with open_contact_centre(engine, ONE, live=workstream) as centre:
            chat, next_chat = await centre.assigned_chat("a1"), await centre.start()
            await chat.signal("disconnect", {"by": "customer"})
            await chat.wait_until(lambda state: state.state is State.WRAP_UP, "the chat is in wrap-up")
            if load:
                await centre.assert_not_offered(next_chat)
                assert await centre.load("a1") == 1
                await chat.do(Close())
            await centre.accept_offer(next_chat, "a1")
            assert await centre.load("a1") == 1, "the wrap-up takes no capacity"
            await centre.finish(chat, next_chat)


async def test_wrap_up_frees_its_capacity_after_the_configured_time(engine: Engine) -> None:
    async with open_contact_centre(engine, ONE, live={**LIVE, "wrap_up_holds": "PT2S"}) as centre:
        chat, next_chat = await centre.assigned_chat("a1"), await centre.start()
        await chat.do(End(by="agent"))
        assert await centre.load("a1") == 1
        assert (await centre.row(next_chat)).offer is None
        await centre.accept_offer(next_chat, "a1")
        assert (await chat.state()).state is State.WRAP_UP
        assert await centre.load("a1") == 1, "only the new chat counts"
        await centre.finish(chat, next_chat)


async def test_agent_with_a_deferred_status_gets_no_more_offers(engine: Engine) -> None:
    """The deferred status also applies when only the end of a time limit frees the agent."""
    async with open_contact_centre(engine, {"a1": {"capacity": 2}}, live={**LIVE, "wrap_up_holds": "PT1S"}) as centre:
        chat = await centre.assigned_chat("a1")
        await centre.set_status("a1", AgentStatus.OFFLINE, when_free=True)
        next_chat = await centre.start()
        await centre.assert_not_offered(next_chat)
        assert (await centre.agent("a1")).status is AgentStatus.AVAILABLE
        await chat.do(End(by="agent"))
        await centre.wait_for_status("a1", AgentStatus.OFFLINE)
        await centre.assert_not_offered(next_chat)
        await centre.finish(chat, next_chat)


async def test_waiting_chat_takes_no_capacity(engine: Engine) -> None:
    """Dynamics 365: "Chats in a waiting stage do not take up agent capacity." Neither do open chats."""
    async with open_contact_centre(engine, ONE, persistent=PERSISTENT) as centre:
        chat = await centre.assigned_chat("a1", "persistent")
        assert await centre.load("a1") == 1
        await centre.client.execute_command(chat.id, Park(by="agent"))
        assert ((await chat.state()).state, await centre.load("a1")) == (State.WAITING, 0)
        await centre.finish(chat)
