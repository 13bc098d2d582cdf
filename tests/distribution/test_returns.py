"""Parked chats on the real engine: parking frees the agent, and a returning chat is offered to the same agent first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.conversation import State
from domain.events import Park
from domain.routing import AgentStatus
from tests.distribution.contact_centre import LIVE, PERSISTENT, ContactCentre, open_contact_centre
from tests.workflows.engine import Chat, Engine

pytestmark = pytest.mark.slow

ONE = {"a1": {"capacity": 1}}
TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
REQUIRED = {**PERSISTENT, "same_agent": "required"}
LONG_ABSENCE = timedelta(minutes=16)
"""Longer than a chat waits for an absent required agent."""


async def parked_chat(centre: ContactCentre, user: str = "a1") -> Chat:
    """Start a chat and let the only available agent park it."""
    return await centre.assigned_chat(user, "persistent", Park())


async def blocking_chat(centre: ContactCentre, user: str = "a1") -> Chat:
    """Start a live chat that takes all capacity of the only available agent."""
    return await centre.assigned_chat(user)


async def test_parking_frees_the_agent_at_once(engine: Engine) -> None:
    """The next waiting chat is offered to the same agent."""
    async with open_contact_centre(engine, ONE) as centre:
        chat = await centre.assigned_chat("a1", "persistent")
        next_chat = await centre.start()
        await centre.assert_not_offered(next_chat)
        await chat.do(Park())
        assert ((await chat.state()).state, (await centre.row(chat)).agent) == (State.WAITING, "a1")
        await centre.accept_offer(next_chat, "a1")
        assert await centre.load("a1") == 1
        await centre.finish(chat, next_chat)


async def test_return_of_the_customer_notifies_the_agent(engine: Engine) -> None:
    """Dynamics 365: "When the customer comes back to the chat, the agent is notified": the chat is offered to them first.

    The chat goes ahead of the waiting chats, and takes capacity again from the offer on.
    """
    async with open_contact_centre(engine, TWO, away=("a2",)) as centre:
        chat, blocking = await parked_chat(centre), await blocking_chat(centre)
        waiting = await centre.start()
        await centre.assert_not_offered(waiting)
        await chat.send("It is me again.")
        await centre.assert_not_offered(chat, waiting)
        await centre.finish(blocking)
        contact = (await chat.state()).contact_id
        assert await centre.accept_offer(chat) == "a1"
        assert (await centre.load("a1"), (await chat.state()).contact_id) == (1, contact), "the contact stays the same"
        await centre.assert_not_offered(waiting)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.accept_offer(waiting, "a2")
        await centre.finish(chat, waiting)


async def test_preferred_agent_gets_the_chat_before_other_free_agents(engine: Engine) -> None:
    async with open_contact_centre(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 9}}, away=("a2",)) as centre:
        chat, _ = await parked_chat(centre), await blocking_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await chat.send("It is me again.")
        assert await centre.accept_offer(chat) == "a1"
        await centre.finish(chat)


async def test_chat_waits_a_limited_time_for_a_preferred_agent_without_capacity(engine: Engine) -> None:
    workstream = {**PERSISTENT, "same_agent_wait": "PT4S"}
    async with open_contact_centre(engine, TWO, away=("a2",), live=LIVE, persistent=workstream) as centre:
        chat, blocking = await parked_chat(centre), await blocking_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await chat.send("It is me again.")
        await centre.assert_not_offered(chat)
        assert (await centre.row(chat)).bound_to == "a1"
        assert await centre.accept_offer(chat) == "a2"
        assert (await chat.state()).previous_contact_id == chat.id, "another agent gets a new contact"
        await centre.finish(chat, blocking)


async def test_chat_does_not_wait_for_a_preferred_agent_who_is_away_or_rejects(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",)) as centre:
        chat = await parked_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.set_status("a1", AgentStatus.AWAY)
        await chat.send("It is me again.")
        assert await centre.accept_offer(chat) == "a2"
        await chat.do(Park())
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        await chat.send("And again.")
        await centre.reject_offer(chat, "a2")
        assert await centre.accept_offer(chat) == "a1"
        await centre.finish(chat)


async def test_chat_waits_for_its_required_agent_only(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",), persistent=REQUIRED) as centre:
        chat = await parked_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.set_status("a1", AgentStatus.OFFLINE)
        await chat.send("It is me again.")
        await centre.assert_not_offered(chat)
        await centre.set_status("a1", AgentStatus.AVAILABLE)
        await centre.reject_offer(chat, "a1")
        await centre.assert_not_offered(chat)
        await centre.finish(chat)


async def test_chat_of_a_long_absent_required_agent_goes_to_another_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",), persistent=REQUIRED) as centre:
        chat = await parked_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.set_status("a1", AgentStatus.OFFLINE, since=LONG_ABSENCE)
        await chat.send("It is me again.")
        assert await centre.accept_offer(chat) == "a2"
        await centre.finish(chat)


async def test_chat_of_a_removed_required_agent_goes_to_another_agent(engine: Engine) -> None:
    async with open_contact_centre(engine, TWO, away=("a2",), persistent=REQUIRED) as centre:
        chat = await parked_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await centre.configuration.change(centre.name, "agents", "a1", None, by="test")
        await centre.wait_for_dispatch()
        await chat.send("It is me again.")
        assert await centre.accept_offer(chat) == "a2"
        await centre.finish(chat)


async def test_chat_goes_to_the_best_agent_when_same_agent_is_off(engine: Engine) -> None:
    workstream = {**PERSISTENT, "same_agent": "off"}
    async with open_contact_centre(
        engine, {"a1": {"capacity": 2}, "a2": {"capacity": 9}}, away=("a2",), persistent=workstream
    ) as centre:
        chat = await parked_chat(centre)
        await centre.set_status("a2", AgentStatus.AVAILABLE)
        await chat.send("It is me again.")
        assert await centre.accept_offer(chat) == "a2"
        await centre.finish(chat)
