"""The reconnect window on the real server, with worker restarts while it runs. test_deadlines.py has all timers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.participants import ParticipantPresence
from tests.workflows.engine import Chat, Engine
from tests.workflows.time_skipping import advance
from workflows.state import ConversationState

DISCONNECTED_MESSAGE = "The customer has disconnected."


async def active_chat(engine: Engine, mode: Mode = Mode.LIVE, **policy: Any) -> Chat:
    """A chat with a connected customer and an assigned agent."""
    chat = await engine.start(mode, **policy)
    await chat.signal("connect")
    assert await chat.assign() is None
    return chat


async def disconnect_customer(chat: Chat) -> ConversationState:
    await chat.signal("disconnect")
    return await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.AWAY, "the customer is away")


async def test_customer_who_returns_within_the_window_continues_the_chat(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        await disconnect_customer(chat)
    async with engine.worker():
        await advance(environment, chat, minutes=2, seconds=50)
    async with engine.worker():
        await chat.signal("connect")
        await chat.wait_until(lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back")
        await advance(environment, chat, minutes=10)
        assert (await chat.state()).state is State.ACTIVE
        assert await chat.contents() == ["participant.joined"]


async def test_chat_ends_when_the_customer_stays_away_longer_than_the_window(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        disconnected = await disconnect_customer(chat)
    async with engine.worker():
        await advance(environment, chat, minutes=3, seconds=10)
        state = await chat.wait_until(lambda s: s.ended, "the window closes")
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.CUSTOMER_LOST)
    assert state.ended_at == disconnected.customer.since + timedelta(minutes=3)
    assert await chat.contents() == ["participant.joined", DISCONNECTED_MESSAGE, "participant.left", "chat.ended"]
    assert [item.trigger for item in await chat.items()] == [None, "customer_disconnected", None, None]


async def test_window_that_expires_without_a_worker_ends_the_chat_at_its_deadline(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        disconnected = await disconnect_customer(chat)
    await advance(environment, chat, minutes=3, seconds=1)
    await chat.signal("connect")
    async with engine.worker():
        state = await chat.wait_until(lambda s: s.ended, "the window closes")
    assert state.ended_at == disconnected.customer.since + timedelta(minutes=3)


async def test_return_within_the_window_counts_when_processed_late(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        disconnected = await disconnect_customer(chat)
    returned_at = disconnected.customer.since + timedelta(minutes=2)
    await advance(environment, chat, minutes=3, seconds=1)
    await chat.signal("connect", {"by": "customer", "at": returned_at.isoformat()})
    async with engine.worker():
        state = await chat.wait_until(
            lambda s: s.customer.presence is ParticipantPresence.CONNECTED, "the customer is back"
        )
    assert (state.state, state.customer.since) == (State.ACTIVE, returned_at)


async def test_open_chat_closes_when_its_customer_does_not_return(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.signal("connect")
        await disconnect_customer(chat)
        await advance(environment, chat, minutes=3, seconds=10)
        outcome = await chat.handle.result()
    assert outcome["reason"] == EndReason.CUSTOMER_LOST
    assert await chat.contents() == ["participant.joined", DISCONNECTED_MESSAGE, "participant.left", "chat.ended"]


async def test_message_over_http_restarts_the_window(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await active_chat(engine)
        await disconnect_customer(chat)
        await advance(environment, chat, minutes=2)
        await chat.signal("message", {"content": "still here", "by": "customer"})
        await chat.wait_until(lambda s: s.seq == 2, "the message is recorded")
        await advance(environment, chat, minutes=2, seconds=50)
        assert (await chat.state()).state is State.ACTIVE
        await advance(environment, chat, seconds=20)
        await chat.wait_until(lambda s: s.ended, "the window closes")


async def test_window_survives_continue_as_new(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await active_chat(engine, recycle_after=20)
        for number in range(30):
            await chat.signal("message", {"content": f"no. {number}", "by": "customer"})
        await chat.wait_until(lambda s: s.seq == 31, "all messages are recorded")
        disconnected = await disconnect_customer(chat)
        for number in range(30):
            await chat.signal("message", {"content": f"no. {number}", "by": "agent"})
        await chat.wait_until(lambda s: s.seq >= 61, "all messages are recorded")
        await advance(environment, chat, minutes=3, seconds=10)
        state = await chat.wait_until(lambda s: s.ended, "the window closes")
        assert state.ended_at == disconnected.customer.since + timedelta(minutes=3)
        assert (await chat.runs()) > 2
