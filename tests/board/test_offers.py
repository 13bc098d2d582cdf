"""Offers on the real engine: a chat is asked for, taken, refused, missed, withdrawn, and never forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from api.board import dispatching
from domain.conversation import Mode, State
from domain.events import Assign, Close, End
from domain.routing import AgentStatus
from routing.agents import agent_states, configure_agents
from tests.board.floor import LIVE, floor
from tests.routing.routing_records import routing_row
from tests.workflows.clock import rings
from tests.workflows.engine import Engine, eventually
from workflows.timers import Timer

TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
ONE = {"a1": {"capacity": 1}}
SHORT = {**LIVE, "offer_within": "PT1S"}


async def test_a_chat_is_offered_accepted_and_counted(engine: Engine) -> None:
    async with floor(engine, ONE) as here:
        chat = await here.start()
        assert (await here.offered(chat)).user == "a1"
        assert await here.load("a1") == 1, "an offer takes capacity from the first moment"
        await here.accept(chat)
        state = await chat.state()
        assert (state.state, state.agent and state.agent.user, state.offer) == (State.ACTIVE, "a1", None)
        row = await here.row(chat)
        assert (row.stage, row.agent, row.offer, await here.load("a1")) == ("working", "a1", None, 1)
        await chat.do(End(by="agent"), Close())
        assert await here.load("a1") == 0


async def test_who_rejects_is_not_asked_again_at_once(engine: Engine) -> None:
    async with floor(engine, TWO) as here:
        chat = await here.start()
        first = await here.reject(chat)
        second = await here.reject(chat)
        assert {first, second} == {"a1", "a2"}
        await here.waits(chat)
        assert (await here.load("a1"), await here.load("a2")) == (0, 0)
        other = await here.start()
        assert await here.accept(other), "they are asked for another chat"
        await here.over(chat, other)


async def test_a_missed_offer_ends_by_the_conversations_own_timer(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with floor(engine, ONE, live={**LIVE, "offer_within": "PT10M"}) as here:
        chat = await here.start()
        offer = await here.offered(chat)
        state = await rings(environment, chat, Timer.OFFER, offer.until)
        assert (state.state, state.offer) == (State.OPEN, None)
        await here.waits(chat)
        agent = await here.agent("a1")
        assert (agent.load, agent.missed, agent.presence) == (0, 1, AgentStatus.AVAILABLE)
        await here.over(chat)


async def test_a_missed_offer_goes_to_the_next_agent(engine: Engine) -> None:
    async with floor(engine, TWO, live=SHORT) as here:
        chat = await here.start()
        first = (await here.offered(chat)).user
        second = "a2" if first == "a1" else "a1"
        await here.offered(chat, second)
        await here.accept(chat, second)
        assert ((await here.agent(first)).missed, (await here.agent(second)).missed) == (1, 0)
        await here.over(chat)


async def test_who_misses_too_many_in_a_row_is_away(engine: Engine) -> None:
    async with floor(engine, {"a1": {"capacity": 4}}, live={**SHORT, "missed_offers": 2}) as here:
        chats = [await here.start(), await here.start()]
        await here.until_presence("a1", AgentStatus.AWAY)
        late = await here.start()
        await here.waits(*chats, late)
        await here.become("a1", AgentStatus.AVAILABLE)
        assert await here.accept(late) == "a1", "back again, they are asked"
        assert (await here.agent("a1")).missed == 0
        await here.over(*chats, late)


async def test_who_is_away_for_a_missed_offer_is_not_waited_for_with_others(engine: Engine) -> None:
    """It goes to the next at once, long before its own time is over."""
    agents = {"a1": {"capacity": 2}, "a2": {"capacity": 2}}
    hasty = {**LIVE, "offer_within": "PT2S", "missed_offers": 1}
    async with floor(engine, agents, away=("a2",), live=LIVE, hasty=hasty) as here:
        calm, missed = await here.start(), await here.start("hasty")
        await here.offered(calm, "a1")
        await here.offered(missed, "a1")
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.until_presence("a1", AgentStatus.AWAY)
        assert await here.accept(calm, "a2") == "a2"
        await here.over(calm, missed)


async def test_what_is_accepted_by_itself(engine: Engine) -> None:
    async with floor(engine, ONE, live={**LIVE, "auto_accept": True}) as here:
        chat = await here.start()
        state = await chat.until(lambda state: state.state is State.ACTIVE, "it is active")
        assert state.agent
        assert (state.agent.user, (await here.row(chat)).stage) == ("a1", "working")
        await here.over(chat)


async def test_what_waits_is_offered_as_soon_as_somebody_is_available(engine: Engine) -> None:
    """Within a second also where nobody announced it."""
    for announced in (True, False):
        async with floor(engine, ONE, away=("a1",)) as here:
            chat = await here.start()
            await here.waits(chat)
            asked_at = datetime.now(UTC)
            await here.become("a1", AgentStatus.AVAILABLE, announced=announced)
            await here.offered(chat, "a1")
            offer = (await here.row(chat)).offer
            assert offer
            assert offer.offered_at - asked_at < timedelta(seconds=1.5)
            await here.over(chat)


async def test_an_assignment_while_another_is_asked_withdraws_the_offer(engine: Engine) -> None:
    async with floor(engine, TWO) as here:
        chat = await here.start()
        asked = (await here.offered(chat)).user
        other = "a2" if asked == "a1" else "a1"
        await chat.do(Assign(user=other, name=other.upper(), by="supervisor"))
        assert (await here.load(asked), await here.load(other)) == (0, 1)
        agent = await here.agent(asked)
        assert (agent.missed, agent.presence) == (0, AgentStatus.AVAILABLE), "nothing is held against them"
        another = await here.start()
        assert await here.accept(another) == asked
        await here.over(chat, another)


async def test_an_assignment_to_who_is_asked_accepts_the_offer(engine: Engine) -> None:
    async with floor(engine, ONE) as here:
        chat = await here.start()
        await here.offered(chat, "a1")
        await chat.do(Assign(user="a1", name="A1", by="supervisor"))
        row = await here.row(chat)
        assert (row.stage, row.offer, await here.load("a1")) == ("working", None, 1)
        await here.over(chat)


async def test_a_chat_that_ends_while_it_is_offered_frees_the_agent(engine: Engine) -> None:
    async with floor(engine, ONE) as here:
        chat, behind = await here.start(), await here.start()
        await here.offered(chat, "a1")
        await chat.do(End(by="customer"))
        assert (await chat.state()).state is State.CLOSED
        assert await here.accept(behind) == "a1"
        await here.over(behind)


async def test_what_is_picked_is_not_pushed(engine: Engine) -> None:
    async with floor(engine, ONE, live={**LIVE, "distribution": "pick"}, pushed=LIVE) as here:
        chat, behind = await here.start(), await here.start("pushed")
        assert await here.accept(behind) == "a1", "it is in nobody's way"
        await here.over(behind)
        await here.waits(chat)
        await here.over(chat)


async def test_a_closed_queue_is_not_offered_until_it_opens(engine: Engine) -> None:
    shut: dict[str, Any] = {"time_zone": "UTC"}
    always = {**shut, "weekly": {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
    workstream = {**LIVE, "outside_hours": "queue"}
    async with floor(
        engine, ONE, hours={"office": shut}, queues={"support": {"hours": "office"}}, live=workstream
    ) as here:
        chat = await here.start()
        await here.waits(chat)
        await here.configuration.change(here.name, "hours", "office", always, by="test")
        await here.offered(chat, "a1")
        await here.over(chat)


async def test_what_waits_in_a_queue_that_is_configured_no_more_is_offered(engine: Engine) -> None:
    async with floor(engine, ONE, away=("a1",), live=LIVE) as here:
        chat = await here.start()
        await here.waits(chat)
        await here.configuration.change(here.name, "workstreams", "live", {**LIVE, "queue": "elsewhere"}, by="test")
        await here.become("a1", AgentStatus.AVAILABLE)
        assert await here.accept(chat) == "a1"
        await here.over(chat)


async def test_what_is_left_of_a_workstream_that_is_gone_keeps_the_hours_of_its_queue(engine: Engine) -> None:
    shut: dict[str, Any] = {"time_zone": "UTC"}
    gone = {**LIVE, "outside_hours": "queue"}
    async with floor(
        engine, ONE, hours={"office": shut}, queues={"support": {"hours": "office"}}, gone=gone, live=gone
    ) as here:
        chat = await here.start("gone")
        await here.configuration.change(here.name, "workstreams", "gone", None, by="test")
        await here.waits(chat)
        await here.configuration.change(here.name, "queues", "support", {}, by="test")
        assert await here.accept(chat) == "a1"
        await here.over(chat)


async def test_what_the_engine_does_not_know_any_more_leaves_the_board(engine: Engine) -> None:
    async with floor(engine, ONE, away=("a1",)) as here:
        lost, chat = await here.start(), await here.start()
        await here.waits(lost, chat)
        await lost.handle.terminate()
        await here.become("a1", AgentStatus.AVAILABLE)
        assert await here.accept(chat) == "a1"
        assert await routing_row(engine.db, lost.id) is None
        await here.over(chat)


async def test_agents_whom_another_process_has_removed_are_put_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that goes by an older file, while processes are replaced one by one."""
    monkeypatch.setattr(dispatching, "CONFIGURE_SECONDS", 0.5)
    async with floor(engine, ONE) as here:
        await configure_agents(engine.db, here.name, [], datetime.now(UTC))

        async def is_back() -> bool | None:
            return True if await agent_states(engine.db, here.name, datetime.now(UTC)) else None

        await eventually(is_back, "a1 is back")


async def test_modes_differ_in_nothing_about_offers(engine: Engine) -> None:
    async with floor(engine, ONE) as here:
        for mode in Mode:
            chat = await here.start(mode.value)
            assert await here.accept(chat) == "a1"
            await here.over(chat)
