"""Participant timers (UpdateParticipantRoleConfig): who is idle is told of, and in the end nobody but the customer is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Configure, Connect, Disconnect, Invite, Leave, Transfer
from domain.participants import Role
from runtime.bus import Announcement, LocalBus
from tests.workflows.clock import forward, rings
from tests.workflows.engine import EVENT, Chat, Engine
from tests.workflows.test_chains import spoken
from tests.workflows.test_deadlines import AGENT_LOST, SEATED, SURVEY, set_timers
from workflows.state import ConversationState
from workflows.timers import Timer, deadlines

MINUTE = timedelta(minutes=1)
IDLE, RETURNED, AUTO_DISCONNECTED = "participant.idle", "participant.returned", "participant.autodisconnection"
PARTICIPANT_TIMERS = {Timer.CUSTOMER_IDLE, Timer.AGENT_IDLE, Timer.CUSTOMER_DISCONNECT, Timer.AGENT_DISCONNECT}


def running(state: ConversationState) -> set[Timer]:
    """The participant timers that run."""
    return {deadline.timer for deadline in deadlines(state)} & PARTICIPANT_TIMERS


def both_since(state: ConversationState) -> datetime:
    """Since when both sides have been connected."""
    assert state.agent is not None
    return max(state.customer.since, state.agent.since)


def listening() -> tuple[LocalBus, Callable[[Chat], list[tuple[str, str]]]]:
    """A bus, and what a conversation's sockets have been told over it that no transcript keeps: what, of whom."""
    heard: list[Announcement] = []
    bus = LocalBus()
    bus.subscribe(heard.append)

    def told(chat: Chat) -> list[tuple[str, str]]:
        frames = [news.frame for news in heard if news.frame and news.conversation_id == chat.id]
        return [(frame["ContentType"].removeprefix(EVENT), frame["ParticipantRole"]) for frame in frames]

    return bus, told


async def test_an_idle_customer_returns_is_idle_again_and_alone(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    bus, told = listening()
    async with engine.working(bus=bus):
        chat = await engine.start()
        await chat.do(set_timers(Role.CUSTOMER, IDLE=2, DISCONNECT_NONCUSTOMER=3), *SEATED)
        since = both_since(await chat.state())
        await chat.renew()
    async with engine.working(bus=bus):
        await rings(environment, chat, Timer.CUSTOMER_IDLE, since + 2 * MINUTE)
        await chat.say("Your turn.", "agent")  # which does not wake the customer
        assert told(chat) == [(IDLE, "CUSTOMER")]
        said_at = await spoken(chat, "Back.", "customer")
        assert told(chat) == [(IDLE, "CUSTOMER"), (RETURNED, "CUSTOMER")]
        await chat.renew()
    async with engine.working(bus=bus):
        await rings(environment, chat, Timer.CUSTOMER_IDLE, said_at + 2 * MINUTE)
        await chat.renew()
        state = await rings(environment, chat, Timer.CUSTOMER_DISCONNECT, said_at + 5 * MINUTE)
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.AUTO_DISCONNECTED)
    assert told(chat)[2:] == [(IDLE, "CUSTOMER"), (AUTO_DISCONNECTED, "AGENT")]
    words = ["participant.joined", "participant.joined", "Your turn.", "Back."]
    assert await chat.words() == [*words, "participant.left", "participant.left", "chat.ended"]


async def test_an_idle_agent_is_disconnected_and_the_customer_asked(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    bus, told = listening()
    async with engine.working(bus=bus):
        chat = await engine.start(Mode.PERSISTENT, **SURVEY)
        await chat.do(*SEATED, set_timers(Role.AGENT, IDLE=2, DISCONNECT_NONCUSTOMER=2))
        said_at = await spoken(chat, "Let me see.", "agent")
        await chat.say("I wait.")  # which does not make the agent any less idle
        await rings(environment, chat, Timer.AGENT_IDLE, said_at + 2 * MINUTE)
        await chat.renew()
    async with engine.working(bus=bus):
        state = await rings(environment, chat, Timer.AGENT_DISCONNECT, said_at + 4 * MINUTE)
    assert (state.state, state.survey_open, state.agent) == (State.WRAP_UP, True, None)
    assert state.end_reason is EndReason.AUTO_DISCONNECTED
    assert told(chat) == [(IDLE, "AGENT"), (AUTO_DISCONNECTED, "AGENT")]
    assert (await chat.words())[-2:] == ["participant.left", "How was it?"]


async def test_they_run_only_while_both_are_connected(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start(Mode.PERSISTENT, agent_grace=None)
        await chat.do(set_timers(Role.CUSTOMER, IDLE=10), set_timers(Role.AGENT, DISCONNECT_NONCUSTOMER=20))
        await chat.do(Connect(), Assign(user="a1", name="A1"))
        assert running(await chat.state()) == set()
        both = {Timer.CUSTOMER_IDLE, Timer.AGENT_DISCONNECT}
        await chat.do(Connect(by="agent"))
        for gone in ("customer", "agent"):
            assert running(await chat.state()) == both
            await forward(environment, chat, minutes=9)
            await chat.do(Disconnect(by=gone))
            assert running(await chat.state()) == set()
            await forward(environment, chat, hours=1)
            await chat.do(Connect(by=gone))
        since = both_since(await chat.state())
        await chat.renew()
    async with engine.working():
        await rings(environment, chat, Timer.CUSTOMER_IDLE, since + 10 * MINUTE)
        state = await rings(environment, chat, Timer.AGENT_DISCONNECT, since + 20 * MINUTE)
    assert state.end_reason is EndReason.AUTO_DISCONNECTED


async def test_they_outlast_transfers_and_can_be_taken_away(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start()
        await chat.do(*SEATED, set_timers(Role.AGENT, IDLE=2), set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=4))
        await forward(environment, chat, minutes=1)
        await chat.do(Transfer(contact_id=f"{chat.id}-2", queue="live", user="a2", name="A2"))
        assert running(await chat.state()) == set()
        await chat.do(Connect(by="agent"))
        since = both_since(await chat.state())
        await rings(environment, chat, Timer.AGENT_IDLE, since + 2 * MINUTE)
        assert running(await chat.state()) == {Timer.CUSTOMER_DISCONNECT}
        gone = {"role": Role.CUSTOMER, "kind": "DISCONNECT_NONCUSTOMER"}
        await chat.do(Configure.model_validate({"timers": [gone]}))
        assert running(await chat.state()) == set()
        await forward(environment, chat, hours=8)
        assert (await chat.state()).state is State.ACTIVE


async def test_a_bot_counts_as_the_other_side(environment: WorkflowEnvironment, engine: Engine) -> None:
    bus, told = listening()
    async with engine.working(bus=bus):
        left, stays = await engine.start(), await engine.start()
        for chat in (left, stays):
            await chat.do(set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=2), Connect())
            await chat.do(Invite(participant_id=f"{chat.id}-bot", name="Bee"))
        await left.do(Leave(by=f"{left.id}-bot"))
        assert running(await left.state()) == set()
        since = (await stays.state()).bots[0].since
        state = await rings(environment, stays, Timer.CUSTOMER_DISCONNECT, since + 2 * MINUTE)
    assert (state.state, state.end_reason) == (State.CLOSED, EndReason.AUTO_DISCONNECTED)
    assert told(stays) == [(AUTO_DISCONNECTED, "CUSTOM_BOT")]


async def test_a_lost_agent_is_not_idle(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        chat = await engine.start()
        await chat.do(set_timers(Role.CUSTOMER, IDLE=2), *AGENT_LOST)
        lost = (await chat.state()).agent
        assert lost is not None
        state = await rings(environment, chat, Timer.AGENT_GRACE, lost.since + timedelta(seconds=150))
        assert (state.state, running(state)) == (State.OPEN, set())
        await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"))
        assert running(await chat.state()) == {Timer.CUSTOMER_IDLE}
