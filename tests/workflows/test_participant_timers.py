"""Participant timers (UpdateParticipantRoleConfig): an idle participant is reported, and finally all but the customer leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Configure, Connect, Disconnect, Invite, Leave, Transfer
from domain.participants import Role
from domain.transcript import EVENT_PREFIX
from runtime.bus import Announcement, LocalBus
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_deadlines import AGENT_LOST, SURVEY, WITH_AGENT, set_timers
from tests.workflows.test_idle_rules import send_and_get_time
from tests.workflows.time_skipping import advance, advance_to_timer
from workflows.state import ConversationState
from workflows.timers import Timer, deadlines

MINUTE = timedelta(minutes=1)
IDLE, RETURNED, AUTO_DISCONNECTED = "participant.idle", "participant.returned", "participant.autodisconnection"
PARTICIPANT_TIMERS = {Timer.CUSTOMER_IDLE, Timer.AGENT_IDLE, Timer.CUSTOMER_DISCONNECT, Timer.AGENT_DISCONNECT}


def running_timers(state: ConversationState) -> set[Timer]:
    """The participant timers that run."""
    return {deadline.timer for deadline in deadlines(state)} & PARTICIPANT_TIMERS


def both_since(state: ConversationState) -> datetime:
    """The time since which both sides are connected."""
    assert state.agent is not None
    return max(state.customer.since, state.agent.since)


def record_frames() -> tuple[LocalBus, Callable[[Chat], list[tuple[str, str]]]]:
    """A bus, and a function for the frames of a chat on it: their type and participant role."""
    announcements: list[Announcement] = []
    bus = LocalBus()
    bus.subscribe(announcements.append)

    def frames_of(chat: Chat) -> list[tuple[str, str]]:
        frames = [each.frame for each in announcements if each.frame and each.conversation_id == chat.id]
        return [(frame["ContentType"].removeprefix(EVENT_PREFIX), frame["ParticipantRole"]) for frame in frames]

    return bus, frames_of


async def test_customer_timers_report_idle_and_return_then_disconnect_the_agent(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    bus, frames_of = record_frames()
    async with engine.worker(bus=bus):
        chat = await engine.start()
        await chat.do(set_timers(Role.CUSTOMER, IDLE=2, DISCONNECT_NONCUSTOMER=3), *WITH_AGENT)
        since = both_since(await chat.state())
        await chat.renew()
    async with engine.worker(bus=bus):
        await advance_to_timer(environment, chat, Timer.CUSTOMER_IDLE, since + 2 * MINUTE)
        await chat.send("Your turn.", "agent")  # the customer stays idle
        assert frames_of(chat) == [(IDLE, "CUSTOMER")]
        sent_at = await send_and_get_time(chat, "Back.", "customer")
        assert frames_of(chat) == [(IDLE, "CUSTOMER"), (RETURNED, "CUSTOMER")]
        await chat.renew()
    async with engine.worker(bus=bus):
        await advance_to_timer(environment, chat, Timer.CUSTOMER_IDLE, sent_at + 2 * MINUTE)
        await chat.renew()
        state = await advance_to_timer(environment, chat, Timer.CUSTOMER_DISCONNECT, sent_at + 5 * MINUTE)
    assert (state.state, state.end_reason) == (State.WRAP_UP, EndReason.AUTO_DISCONNECTED)
    assert frames_of(chat)[2:] == [(IDLE, "CUSTOMER"), (AUTO_DISCONNECTED, "AGENT")]
    expected = ["participant.joined", "participant.joined", "Your turn.", "Back."]
    assert await chat.contents() == [*expected, "participant.left", "participant.left", "chat.ended"]


async def test_idle_agent_is_disconnected_and_the_survey_starts(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    bus, frames_of = record_frames()
    async with engine.worker(bus=bus):
        chat = await engine.start(Mode.PERSISTENT, **SURVEY)
        await chat.do(*WITH_AGENT, set_timers(Role.AGENT, IDLE=2, DISCONNECT_NONCUSTOMER=2))
        sent_at = await send_and_get_time(chat, "Let me see.", "agent")
        await chat.send("I wait.")  # the agent stays idle
        await advance_to_timer(environment, chat, Timer.AGENT_IDLE, sent_at + 2 * MINUTE)
        await chat.renew()
    async with engine.worker(bus=bus):
        state = await advance_to_timer(environment, chat, Timer.AGENT_DISCONNECT, sent_at + 4 * MINUTE)
    assert (state.state, state.survey_open, state.agent) == (State.WRAP_UP, True, None)
    assert state.end_reason is EndReason.AUTO_DISCONNECTED
    assert frames_of(chat) == [(IDLE, "AGENT"), (AUTO_DISCONNECTED, "AGENT")]
    assert (await chat.contents())[-2:] == ["participant.left", "How was it?"]


async def test_participant_timers_run_only_while_both_sides_are_connected(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, agent_grace=None)
        await chat.do(set_timers(Role.CUSTOMER, IDLE=10), set_timers(Role.AGENT, DISCONNECT_NONCUSTOMER=20))
        await chat.do(Connect(), Assign(user="a1", name="A1"))
        assert running_timers(await chat.state()) == set()
        both = {Timer.CUSTOMER_IDLE, Timer.AGENT_DISCONNECT}
        await chat.do(Connect(by="agent"))
        for role in ("customer", "agent"):
            assert running_timers(await chat.state()) == both
            await advance(environment, chat, minutes=9)
            await chat.do(Disconnect(by=role))
            assert running_timers(await chat.state()) == set()
            await advance(environment, chat, hours=1)
            await chat.do(Connect(by=role))
        since = both_since(await chat.state())
        await chat.renew()
    async with engine.worker():
        await advance_to_timer(environment, chat, Timer.CUSTOMER_IDLE, since + 10 * MINUTE)
        state = await advance_to_timer(environment, chat, Timer.AGENT_DISCONNECT, since + 20 * MINUTE)
    assert state.end_reason is EndReason.AUTO_DISCONNECTED


async def test_participant_timers_survive_a_transfer_and_can_be_removed(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.do(*WITH_AGENT, set_timers(Role.AGENT, IDLE=2), set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=4))
        await advance(environment, chat, minutes=1)
        await chat.do(Transfer(contact_id=f"{chat.id}-2", queue="live", user="a2", name="A2"))
        assert running_timers(await chat.state()) == set()
        await chat.do(Connect(by="agent"))
        since = both_since(await chat.state())
        await advance_to_timer(environment, chat, Timer.AGENT_IDLE, since + 2 * MINUTE)
        assert running_timers(await chat.state()) == {Timer.CUSTOMER_DISCONNECT}
        removed = {"role": Role.CUSTOMER, "kind": "DISCONNECT_NONCUSTOMER"}
        await chat.do(Configure.model_validate({"timers": [removed]}))
        assert running_timers(await chat.state()) == set()
        await advance(environment, chat, hours=8)
        assert (await chat.state()).state is State.ACTIVE


async def test_bot_counts_as_the_other_side(environment: WorkflowEnvironment, engine: Engine) -> None:
    bus, frames_of = record_frames()
    async with engine.worker(bus=bus):
        left, stays = await engine.start(), await engine.start()
        for chat in (left, stays):
            await chat.do(set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=2), Connect())
            await chat.do(Invite(participant_id=f"{chat.id}-bot", name="Bee"))
        await left.do(Leave(by=f"{left.id}-bot"))
        assert running_timers(await left.state()) == set()
        since = (await stays.state()).bots[0].since
        state = await advance_to_timer(environment, stays, Timer.CUSTOMER_DISCONNECT, since + 2 * MINUTE)
    assert (state.state, state.end_reason) == (State.CLOSED, EndReason.AUTO_DISCONNECTED)
    assert frames_of(stays) == [(AUTO_DISCONNECTED, "CUSTOM_BOT")]


async def test_participant_timers_stop_when_the_agent_is_lost(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        chat = await engine.start()
        await chat.do(set_timers(Role.CUSTOMER, IDLE=2), *AGENT_LOST)
        lost = (await chat.state()).agent
        assert lost is not None
        state = await advance_to_timer(environment, chat, Timer.AGENT_GRACE, lost.since + timedelta(seconds=150))
        assert (state.state, running_timers(state)) == (State.OPEN, set())
        await chat.do(Assign(user="a2", name="A2"), Connect(by="agent"))
        assert running_timers(await chat.state()) == {Timer.CUSTOMER_IDLE}
