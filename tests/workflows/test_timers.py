"""The reconnect window on the real server, with the worker restarted while it runs; see test_deadlines.py for every timer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.participants import ParticipantPresence
from tests.workflows.clock import forward
from tests.workflows.engine import Chat, Engine
from workflows.state import ConversationState

LOST = "The customer has disconnected."


async def active(engine: Engine, mode: Mode = Mode.LIVE, **policy: Any) -> Chat:
    """A conversation with its customer connected and an agent at work."""
    chat = await engine.start(mode, **policy)
    await chat.signal("connect")
    assert await chat.assign() is None
    return chat


async def lose_customer(chat: Chat) -> ConversationState:
    await chat.signal("disconnect")
    return await chat.until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the loss is noticed")


async def test_gone_less_than_the_window_goes_on(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await active(engine)
        await lose_customer(chat)
    async with engine.working():
        await forward(environment, chat, minutes=2, seconds=50)
    async with engine.working():
        await chat.signal("connect")
        await chat.until(lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back")
        await forward(environment, chat, minutes=10)
        assert (await chat.state()).state is State.ACTIVE
        assert await chat.words() == ["participant.joined"]


async def test_gone_longer_than_the_window_ends(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await active(engine)
        lost = await lose_customer(chat)
    async with engine.working():
        await forward(environment, chat, minutes=3, seconds=10)
        state = await chat.until(lambda s: s.ended, "the window closes")
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.CUSTOMER_LOST)
    assert state.ended_at == lost.customer.since + timedelta(minutes=3)
    assert await chat.words() == ["participant.joined", LOST, "participant.left", "chat.ended"]
    assert [item.trigger for item in await chat.items()] == [None, "customer_disconnected", None, None]


async def test_a_window_that_closes_while_no_worker_runs(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await active(engine)
        lost = await lose_customer(chat)
    await forward(environment, chat, minutes=3, seconds=1)
    await chat.signal("connect")
    async with engine.working():
        state = await chat.until(lambda s: s.ended, "the window closes")
    assert state.ended_at == lost.customer.since + timedelta(minutes=3)


async def test_a_return_in_time_counts_though_the_worker_hears_of_it_late(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await active(engine)
        lost = await lose_customer(chat)
    returned_at = lost.customer.since + timedelta(minutes=2)
    await forward(environment, chat, minutes=3, seconds=1)
    await chat.signal("connect", {"by": "customer", "at": returned_at.isoformat()})
    async with engine.working():
        state = await chat.until(lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back")
    assert (state.state, state.customer.since) == (State.ACTIVE, returned_at)


async def test_the_loss_of_an_unassigned_customer_closes(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start()
        await chat.signal("connect")
        await lose_customer(chat)
        await forward(environment, chat, minutes=3, seconds=10)
        outcome = await chat.handle.result()
    assert outcome["reason"] == EndReason.CUSTOMER_LOST
    assert await chat.words() == ["participant.joined", LOST, "participant.left", "chat.ended"]


async def test_a_message_by_rest_alone_proves_that_the_customer_lives(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working():
        chat = await active(engine)
        await lose_customer(chat)
        await forward(environment, chat, minutes=2)
        await chat.signal("message", {"content": "still here", "by": "customer"})
        await chat.until(lambda s: s.seq == 2, "the message is recorded")
        await forward(environment, chat, minutes=2, seconds=50)
        assert (await chat.state()).state is State.ACTIVE
        await forward(environment, chat, seconds=20)
        await chat.until(lambda s: s.ended, "the window closes")


async def test_deadlines_survive_continue_as_new(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await active(engine, recycle_after=20)
        for number in range(30):
            await chat.signal("message", {"content": f"no. {number}", "by": "customer"})
        await chat.until(lambda s: s.seq == 31, "all are recorded")
        lost = await lose_customer(chat)
        for number in range(30):
            await chat.signal("message", {"content": f"no. {number}", "by": "agent"})
        await chat.until(lambda s: s.seq >= 61, "all are recorded")
        await forward(environment, chat, minutes=3, seconds=10)
        state = await chat.until(lambda s: s.ended, "the window closes")
        assert state.ended_at == lost.customer.since + timedelta(minutes=3)
        assert (await chat.runs()) > 2
