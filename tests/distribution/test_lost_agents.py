"""Chats that lose their agent, on the real engine: they return to the queue, ahead of others, and go to another agent."""

from __future__ import annotations

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason, InitiationMethod
from domain.conversation import State
from domain.events import AcceptOffer, Disconnect, Release
from domain.routing import AgentStatus
from tests.distribution.contact_centre import LIVE, ContactCentre, open_contact_centre
from tests.workflows.engine import Chat, Engine
from tests.workflows.time_skipping import advance

pytestmark = pytest.mark.slow

TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
LONG_OFFERS = {**LIVE, "offer_within": "PT1H"}
"""These tests move the clock of a chat ahead. Offers use the clock of the process, so they need a long time limit."""

BEYOND_GRACE = {"minutes": 3}
"""Longer than the grace period of an agent."""


async def assert_requeued_ahead(centre: ContactCentre, chat: Chat) -> None:
    """Assert that the chat is queued again as a new contact, ahead of others, and goes to the other agent first."""
    state = await chat.wait_until(lambda state: state.contact_id != chat.id, "the chat has a new contact")
    assert (state.initiation, state.previous_contact_id) == (InitiationMethod.TRANSFER, chat.id)
    assert await centre.load("a1") == 0
    waiting = await centre.start()
    await centre.assert_not_offered(chat, waiting)
    assert not (await centre.row(chat)).in_turn
    await centre.set_status("a2", AgentStatus.AVAILABLE)
    await centre.accept_offer(chat, "a2")
    await centre.assert_not_offered(waiting)
    await centre.finish(chat, waiting)


async def test_chat_of_a_disconnected_agent_goes_to_another_agent_first(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",), live=LONG_OFFERS) as centre:
        chat = await centre.assigned_chat("a1")
        await centre.set_status("a1", AgentStatus.OFFLINE)
        await chat.do(Disconnect(by="agent"))
        await advance(environment, chat, **BEYOND_GRACE)
        await assert_requeued_ahead(centre, chat)


async def test_agent_who_accepts_and_never_connects_loses_the_chat_and_is_away(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",), live=LONG_OFFERS) as centre:
        chat = await centre.start()
        offer = await centre.wait_for_offer(chat, "a1")
        await chat.do(AcceptOffer(offer_id=offer.id, by="a1"))
        await advance(environment, chat, **BEYOND_GRACE)
        await centre.wait_for_status("a1", AgentStatus.AWAY)
        await assert_requeued_ahead(centre, chat)
        (first, *_) = (await chat.state()).past_contact_ids
        assert first == chat.id


async def test_disconnected_agent_can_get_the_chat_again(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with open_contact_centre(engine, {"a1": {"capacity": 1}}, live=LONG_OFFERS) as centre:
        chat = await centre.assigned_chat("a1", "live", Disconnect(by="agent"))
        await advance(environment, chat, **BEYOND_GRACE)
        await centre.accept_offer(chat, "a1")
        assert (await chat.state()).contact_id != chat.id
        await centre.finish(chat)


async def test_agent_who_releases_a_chat_does_not_get_it_again_at_once(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",)) as centre:
        chat = await centre.assigned_chat("a1", "live", Release())
        assert (await chat.state()).state is State.OPEN
        await centre.assert_not_offered(chat)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.accept_offer(chat, "a2")
        await centre.finish(chat)


async def test_released_chat_goes_to_another_free_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, {"a1": {"capacity": 9}, "a2": {"capacity": 1}}) as centre:
        chat = await centre.start()
        assert await centre.accept_offer(chat) == "a1", "a1 has the most free capacity"
        await chat.do(Release())
        assert await centre.accept_offer(chat) == "a2"
        state = await chat.state()
        assert state.end_reason is None
        await centre.finish(chat)
        assert (await chat.state()).end_reason is EndReason.STOPPED


async def test_offer_to_a_deleted_agent_goes_to_another_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO) as centre:
        chat = await centre.start()
        deleted = (await centre.wait_for_offer(chat)).user
        await centre.configuration.change(centre.name, "agents", deleted, None, by="test")
        other = "a2" if deleted == "a1" else "a1"
        assert await centre.accept_offer(chat, other) == other
        await centre.finish(chat)
