"""Chats whose agent is gone, on the real engine: back into the queue, ahead of the others, and to somebody else."""

from __future__ import annotations

from temporalio.testing import WorkflowEnvironment

from store.board.values import Presence
from tests.board.floor import LIVE, Floor, floor
from tests.workflows.clock import forward
from tests.workflows.engine import Chat, Engine
from workflows.events import Accept, Disconnect, Release
from workflows.values import EndReason, Initiation, State

TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
PATIENT = {**LIVE, "offer_within": "PT1H"}
"""The clock of a chat runs ahead here, while offers are dated by the board's."""

GRACE = {"minutes": 3}
"""Longer than an agent may be gone."""


async def seen_to_be_lost(here: Floor, chat: Chat) -> None:
    """It stands in the queue again, ahead, as another contact; and goes to the other agent before those who wait."""
    state = await chat.until(lambda state: state.contact_id != chat.id, "it is given back")
    assert (state.initiation, state.previous_contact_id) == (Initiation.TRANSFER, chat.id)
    assert await here.load("a1") == 0
    waiting = await here.start()
    await here.waits(chat, waiting)
    assert not (await here.row(chat)).in_turn
    await here.become("a2", Presence.AVAILABLE)
    await here.accept(chat, "a2")
    await here.waits(waiting)
    await here.over(chat, waiting)


async def test_a_lost_agents_chat_goes_to_another_ahead_of_those_who_wait(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with floor(engine, TWO, away=("a2",), live=PATIENT) as here:
        chat = await here.work("a1")
        await here.become("a1", Presence.OFFLINE)
        await chat.do(Disconnect(by="agent"))
        await forward(environment, chat, **GRACE)
        await seen_to_be_lost(here, chat)


async def test_who_accepts_and_never_connects_counts_as_lost_and_away(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with floor(engine, TWO, away=("a2",), live=PATIENT) as here:
        chat = await here.start()
        offer = await here.offered(chat, "a1")
        await chat.do(Accept(offer_id=offer.id, by="a1"))
        await forward(environment, chat, **GRACE)
        await here.until_presence("a1", Presence.AWAY)
        await seen_to_be_lost(here, chat)
        (first, *_) = (await chat.state()).past_contact_ids
        assert first == chat.id


async def test_a_lost_agent_who_is_back_may_be_asked_again(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with floor(engine, {"a1": {"capacity": 1}}, live=PATIENT) as here:
        chat = await here.work("a1", "live", Disconnect(by="agent"))
        await forward(environment, chat, **GRACE)
        await here.accept(chat, "a1")
        assert (await chat.state()).contact_id != chat.id
        await here.over(chat)


async def test_who_releases_a_chat_is_not_asked_for_it_again_at_once(engine: Engine) -> None:
    async with floor(engine, TWO, away=("a2",)) as here:
        chat = await here.work("a1", "live", Release())
        assert (await chat.state()).state is State.OPEN
        await here.waits(chat)
        await here.become("a2", Presence.AVAILABLE)
        await here.accept(chat, "a2")
        await here.over(chat)


async def test_another_who_is_free_is_asked_before_the_one_who_released_it(engine: Engine) -> None:
    async with floor(engine, {"a1": {"capacity": 9}, "a2": {"capacity": 1}}) as here:
        chat = await here.start()
        assert await here.accept(chat) == "a1", "they have the most room"
        await chat.do(Release())
        assert await here.accept(chat) == "a2"
        state = await chat.state()
        assert state.end_reason is None
        await here.over(chat)
        assert (await chat.state()).end_reason is EndReason.STOPPED


async def test_what_is_offered_to_an_agent_who_is_deleted_goes_to_the_next(engine: Engine) -> None:
    async with floor(engine, TWO) as here:
        chat = await here.start()
        gone = (await here.offered(chat)).user
        await here.configuration.change(here.name, "agents", gone, None, by="test")
        other = "a2" if gone == "a1" else "a1"
        assert await here.accept(chat, other) == other
        await here.over(chat)
