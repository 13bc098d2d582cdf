"""Parked chats on the real engine: parking frees at once, and whose customer returns is offered to the same agent first."""

from __future__ import annotations

from datetime import timedelta

from domain.conversation import State
from domain.events import Park
from domain.routing import AgentStatus
from tests.board.floor import LIVE, PERSISTENT, Floor, floor
from tests.workflows.engine import Chat, Engine

ONE = {"a1": {"capacity": 1}}
TWO = {"a1": {"capacity": 1}, "a2": {"capacity": 1}}
REQUIRED = {**PERSISTENT, "same_agent": "required"}
LONG_AGO = timedelta(minutes=16)
"""Longer than a required agent who is gone is waited for."""


async def parked(here: Floor, user: str = "a1") -> Chat:
    """A chat that an agent, the only one who is available then, has set aside."""
    return await here.work(user, "persistent", Park())


async def busy(here: Floor, user: str = "a1") -> Chat:
    """A live chat that fills up an agent, the only one who is available."""
    return await here.work(user)


async def test_parking_frees_at_once(engine: Engine) -> None:
    """The next waiting chat is offered to the same agent."""
    async with floor(engine, ONE) as here:
        chat = await here.work("a1", "persistent")
        behind = await here.start()
        await here.waits(behind)
        await chat.do(Park())
        assert ((await chat.state()).state, (await here.row(chat)).agent) == (State.WAITING, "a1")
        await here.accept(behind, "a1")
        assert await here.load("a1") == 1
        await here.over(chat, behind)


async def test_the_customers_return_notifies_the_agent(engine: Engine) -> None:
    """Dynamics 365: "When the customer comes back to the chat, the agent is notified": it is offered to them first.

    It goes ahead of those who wait already, and takes capacity again from the offer on.
    """
    async with floor(engine, TWO, away=("a2",)) as here:
        chat, keeps_busy = await parked(here), await busy(here)
        waiting = await here.start()
        await here.waits(waiting)
        await chat.say("It is me again.")
        await here.waits(chat, waiting)
        await here.over(keeps_busy)
        contact = (await chat.state()).contact_id
        assert await here.accept(chat) == "a1"
        assert (await here.load("a1"), (await chat.state()).contact_id) == (1, contact), "it is the same contact"
        await here.waits(waiting)
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.accept(waiting, "a2")
        await here.over(chat, waiting)


async def test_a_preferred_agent_is_asked_before_others_who_are_free(engine: Engine) -> None:
    async with floor(engine, {"a1": {"capacity": 2}, "a2": {"capacity": 9}}, away=("a2",)) as here:
        chat, _ = await parked(here), await busy(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await chat.say("It is me again.")
        assert await here.accept(chat) == "a1"
        await here.over(chat)


async def test_a_preferred_agent_who_is_full_is_waited_for_a_while(engine: Engine) -> None:
    workstream = {**PERSISTENT, "same_agent_wait": "PT4S"}
    async with floor(engine, TWO, away=("a2",), live=LIVE, persistent=workstream) as here:
        chat, keeps_busy = await parked(here), await busy(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await chat.say("It is me again.")
        await here.waits(chat)
        assert (await here.row(chat)).bound_to == "a1"
        assert await here.accept(chat) == "a2"
        assert (await chat.state()).previous_contact_id == chat.id, "who gets what another had parked has a new contact"
        await here.over(chat, keeps_busy)


async def test_a_preferred_agent_who_is_away_or_rejects_is_not_waited_for(engine: Engine) -> None:
    async with floor(engine, TWO, away=("a2",)) as here:
        chat = await parked(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.become("a1", AgentStatus.AWAY)
        await chat.say("It is me again.")
        assert await here.accept(chat) == "a2"
        await chat.do(Park())
        await here.become("a1", AgentStatus.AVAILABLE)
        await chat.say("And again.")
        await here.reject(chat, "a2")
        assert await here.accept(chat) == "a1"
        await here.over(chat)


async def test_a_required_agent_is_waited_for_and_nobody_else_is_asked(engine: Engine) -> None:
    async with floor(engine, TWO, away=("a2",), persistent=REQUIRED) as here:
        chat = await parked(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.become("a1", AgentStatus.OFFLINE)
        await chat.say("It is me again.")
        await here.waits(chat)
        await here.become("a1", AgentStatus.AVAILABLE)
        await here.reject(chat, "a1")
        await here.waits(chat)
        await here.over(chat)


async def test_a_required_agent_who_is_gone_for_long_is_the_way_out(engine: Engine) -> None:
    async with floor(engine, TWO, away=("a2",), persistent=REQUIRED) as here:
        chat = await parked(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.become("a1", AgentStatus.OFFLINE, since=LONG_AGO)
        await chat.say("It is me again.")
        assert await here.accept(chat) == "a2"
        await here.over(chat)


async def test_so_is_a_required_agent_who_serves_the_queue_no_longer(engine: Engine) -> None:
    async with floor(engine, TWO, away=("a2",), persistent=REQUIRED) as here:
        chat = await parked(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await here.configuration.change(here.name, "agents", "a1", None, by="test")
        await here.looked()
        await chat.say("It is me again.")
        assert await here.accept(chat) == "a2"
        await here.over(chat)


async def test_without_the_same_agent_whoever_suits_best_is_asked(engine: Engine) -> None:
    workstream = {**PERSISTENT, "same_agent": "off"}
    async with floor(
        engine, {"a1": {"capacity": 2}, "a2": {"capacity": 9}}, away=("a2",), persistent=workstream
    ) as here:
        chat = await parked(here)
        await here.become("a2", AgentStatus.AVAILABLE)
        await chat.say("It is me again.")
        assert await here.accept(chat) == "a2"
        await here.over(chat)
