"""Every timer with its default limit takes effect to the second, over continue-as-new and a worker restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import AcceptOffer, Assign, Command, Configure, Connect, Disconnect, End, Park, Release
from domain.participants import ParticipantPresence, Role
from domain.policy import IdleAction, IdleRule, Survey, SurveyQuestion
from tests.workflows.engine import Chat, Engine
from tests.workflows.time_skipping import advance_to, advance_to_timer
from workflows.state import ConversationState
from workflows.timers import TIMER_RULES, Timer

WITH_AGENT = (Connect(), Assign(user="a1", name="A1"), Connect(by="agent"))
AGENT_LOST = (*WITH_AGENT, Disconnect(by="agent"))
PARKED = (*WITH_AGENT, Park())
OFFERED, ACCEPTED = "offered", AcceptOffer(offer_id="o", by="a1")
SURVEY: dict[str, Any] = {"survey": Survey(questions=(SurveyQuestion(key="score", text="How was it?"),)).model_dump()}


class Case(NamedTuple):
    """A timer: the earlier commands, its start and limit, and the state and end reason after it."""

    timer: Timer
    mode: Mode
    earlier: tuple[Command | str, ...]
    starts_at: Callable[[ConversationState], datetime | None]
    limit: timedelta
    state: State
    reason: EndReason | None = None
    policy: dict[str, Any] = {}


def set_timers(role: Role, **limits: int) -> Configure:
    """A command that sets participant timers, in minutes."""
    timers = [{"role": role, "kind": kind, "limit": timedelta(minutes=limit)} for kind, limit in limits.items()]
    return Configure.model_validate({"timers": timers})


def idle_policy(role: str, action: IdleAction, **after: int) -> dict[str, Any]:
    """A policy with one idle rule."""
    rule = IdleRule.model_validate({"silent": role, "after": timedelta(**after), "action": action, "text": "Hello?"})
    return {"idle_rules": [rule.model_dump()]}


def started(state: ConversationState) -> datetime:
    return state.started_at


def since(state: ConversationState) -> datetime:
    return state.since


def customer_since(state: ConversationState) -> datetime:
    return state.customer.since


def agent_presence_since(state: ConversationState) -> datetime | None:
    return state.agent.since if state.agent else None


def agent_since(state: ConversationState) -> datetime | None:
    return state.agent_since


def agent_spoke(state: ConversationState) -> datetime | None:
    return state.agent_speech.last_message_at


def customer_spoke(state: ConversationState) -> datetime | None:
    return state.customer_speech.last_message_at


def offered_until(state: ConversationState) -> datetime | None:
    return state.offer.until if state.offer else None


LIVE, PERSISTENT = Mode.LIVE, Mode.PERSISTENT
OPEN, ACTIVE, WRAP_UP, CLOSED = State.OPEN, State.ACTIVE, State.WRAP_UP, State.CLOSED
DURATION, HOUR = EndReason.DURATION_REACHED, {"duration": timedelta(hours=1)}
SILENT, IDLE = EndReason.CUSTOMER_SILENT, EndReason.AUTO_DISCONNECTED
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CLOSES, RELEASES = (
    idle_policy("customer", IdleAction.CLOSE, days=2),
    idle_policy("agent", IdleAction.RELEASE, minutes=7),
)
REMINDS = idle_policy("agent", IdleAction.REMIND, minutes=7)
CUSTOMER_IDLE = set_timers(Role.CUSTOMER, IDLE=2)
CUSTOMER_OUT = set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=480)
AGENT_IDLE, AGENT_OUT = set_timers(Role.AGENT, IDLE=480), set_timers(Role.AGENT, DISCONNECT_NONCUSTOMER=2)

CASES = (
    Case(Timer.CONNECT, LIVE, (), started, 5 * MINUTE, CLOSED, EndReason.NEVER_CONNECTED),
    Case(Timer.CONNECT, LIVE, WITH_AGENT[1:], started, 5 * MINUTE, WRAP_UP, EndReason.NEVER_CONNECTED),
    Case(Timer.CONNECT, PERSISTENT, (), started, 5 * MINUTE, OPEN),
    Case(Timer.RECONNECT, LIVE, (Connect(), Disconnect()), customer_since, 3 * MINUTE, CLOSED, EndReason.CUSTOMER_LOST),
    Case(Timer.RECONNECT, LIVE, (*WITH_AGENT, Disconnect()), customer_since, 3 * MINUTE, WRAP_UP, EndReason.CUSTOMER_LOST),
    Case(Timer.OPEN_AGE, LIVE, (Connect(),), started, 20 * MINUTE, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.OPEN_AGE, PERSISTENT, (Connect(),), started, 30 * DAY, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.OPEN_AGE, LIVE, (*WITH_AGENT, Release()), since, 20 * MINUTE, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.DURATION, LIVE, WITH_AGENT, started, timedelta(hours=25), WRAP_UP, DURATION),
    Case(Timer.DURATION, PERSISTENT, (Connect(),), started, 60 * MINUTE, CLOSED, DURATION, HOUR),
    Case(Timer.DURATION, PERSISTENT, WITH_AGENT, started, 60 * MINUTE, WRAP_UP, DURATION, HOUR),
    Case(Timer.DURATION, PERSISTENT, PARKED, started, 60 * MINUTE, CLOSED, DURATION, HOUR),
    Case(Timer.WAITING, PERSISTENT, PARKED, since, 30 * DAY, CLOSED, EndReason.WAITED_TOO_LONG),
    Case(Timer.WRAP_UP, LIVE, (*WITH_AGENT, End(by="agent")), since, 15 * MINUTE, CLOSED, EndReason.AGENT_ENDED),
    Case(Timer.WRAP_UP, PERSISTENT, (*WITH_AGENT, End(by="agent")), since, DAY, CLOSED, EndReason.AGENT_ENDED),
    Case(Timer.SURVEY, LIVE, (*WITH_AGENT, End(by="agent")), since, 10 * MINUTE, WRAP_UP, EndReason.AGENT_ENDED, SURVEY),
    Case(Timer.SURVEY, PERSISTENT, (*WITH_AGENT, End(by="agent")), since, 10 * MINUTE, WRAP_UP, EndReason.AGENT_ENDED, SURVEY),
    Case(Timer.AGENT_GRACE, LIVE, AGENT_LOST, agent_presence_since, timedelta(seconds=150), OPEN),
    Case(Timer.AGENT_GRACE, PERSISTENT, AGENT_LOST, agent_presence_since, timedelta(seconds=150), OPEN),
    Case(Timer.AGENT_GRACE, LIVE, (Connect(), OFFERED, ACCEPTED), agent_since, timedelta(seconds=150), OPEN),
    Case(Timer.ASSIGNED, PERSISTENT, WITH_AGENT[:2], agent_since, DAY, OPEN),
    Case(Timer.OFFER, LIVE, (OFFERED,), offered_until, timedelta(0), OPEN),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*WITH_AGENT, "agent"), agent_spoke, 2 * DAY, WRAP_UP, SILENT, CLOSES),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*WITH_AGENT, "agent", Park()), agent_spoke, 2 * DAY, CLOSED, SILENT, CLOSES),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*WITH_AGENT, "agent", Release()), agent_spoke, 2 * DAY, CLOSED, SILENT, CLOSES),
    Case(Timer.AGENT_SILENT, LIVE, (*WITH_AGENT, "agent", "customer"), customer_spoke, 7 * MINUTE, OPEN, None, RELEASES),
    Case(Timer.AGENT_SILENT, LIVE, (*WITH_AGENT, "customer"), since, 7 * MINUTE, ACTIVE, None, REMINDS),
    Case(Timer.CUSTOMER_IDLE, LIVE, (CUSTOMER_IDLE, *WITH_AGENT), agent_presence_since, 2 * MINUTE, ACTIVE),
    Case(Timer.CUSTOMER_IDLE, LIVE, (*WITH_AGENT, CUSTOMER_IDLE, "customer"), customer_spoke, 2 * MINUTE, ACTIVE),
    Case(Timer.AGENT_IDLE, LIVE, (*WITH_AGENT, AGENT_IDLE, "customer"), agent_presence_since, 480 * MINUTE, ACTIVE),
    Case(Timer.CUSTOMER_DISCONNECT, PERSISTENT, (*WITH_AGENT, CUSTOMER_OUT), agent_presence_since, 480 * MINUTE, WRAP_UP, IDLE),
    Case(Timer.AGENT_DISCONNECT, LIVE, (*WITH_AGENT, AGENT_OUT, "agent"), agent_spoke, 2 * MINUTE, WRAP_UP, IDLE),
)  # fmt: skip


@pytest.mark.parametrize("timer", [rule.timer for rule in TIMER_RULES if rule.timer is not Timer.HOURS])
async def test_timer_takes_effect_at_its_deadline(
    environment: WorkflowEnvironment, engine: Engine, timer: Timer
) -> None:
    """Each timer except that of opening hours; see test_hours.py."""

    async def prepare_case(case: Case) -> tuple[Chat, datetime]:
        chat = await engine.start(case.mode, **case.policy)
        await prepare(chat, case.earlier)
        since = case.starts_at(await chat.state())
        assert since is not None
        await chat.renew()
        return chat, since + case.limit

    async def check_case(case: Case, chat: Chat, due: datetime) -> None:
        after = await advance_to_timer(environment, chat, timer, due)
        assert (after.state, after.end_reason) == (case.state, case.reason), case
        assert (after.closed_at or after.ended_at) == (due if case.reason else None), case

    cases = [case for case in CASES if case.timer is timer]
    assert cases
    async with engine.worker():
        chats = await asyncio.gather(*map(prepare_case, cases))
    async with engine.worker():
        await asyncio.gather(*(check_case(case, *chat) for case, chat in zip(cases, chats, strict=True)))


async def prepare(chat: Chat, earlier: tuple[Command | str, ...]) -> None:
    """Send the commands. A text names the author of a message, or is `OFFERED`."""
    for each in earlier:
        if each == OFFERED:
            await offer(chat)
        else:
            await (chat.send("Well.", each) if isinstance(each, str) else chat.do(each))


async def offer(chat: Chat) -> None:
    """Offer the chat to an agent, as the dispatcher does."""
    until = datetime.now(UTC) + 2 * MINUTE
    await chat.signal("offer", {"offer_id": "o", "user": "a1", "name": "A1", "until": until.isoformat()})
    await chat.wait_until(lambda s: s.offer is not None, "the chat is offered")


async def test_chat_without_limits_continues(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker():
        never_connected = await engine.start(PERSISTENT, open_age=None)
        disconnected = await engine.start(PERSISTENT)
        await disconnected.do(*WITH_AGENT, Disconnect())
        for chat in (never_connected, disconnected):
            started_at = (await chat.state()).started_at
            await advance_to(environment, chat, started_at + timedelta(days=4_000))
            state = await chat.state()
            assert (state.state, state.customer.presence) == (
                State.ACTIVE if state.agent else State.OPEN,
                ParticipantPresence.AWAY,
            )
        await never_connected.do(Connect())
        assert (await never_connected.state()).customer.presence is ParticipantPresence.CONNECTED


@pytest.mark.parametrize("mode", Mode)
async def test_agent_who_reconnects_within_the_grace_period_keeps_the_chat(
    environment: WorkflowEnvironment, engine: Engine, mode: Mode
) -> None:
    async with engine.worker():
        chat = await engine.start(mode)
        await prepare(chat, AGENT_LOST)
        lost_at = agent_presence_since(await chat.state())
        assert lost_at is not None
        await chat.renew()
    async with engine.worker():
        await advance_to(environment, chat, lost_at + timedelta(seconds=145))
        await chat.do(Connect(by="agent"))
        await advance_to(environment, chat, lost_at + timedelta(hours=1))
        state = await chat.state()
    assert (state.state, state.contact_id) == (State.ACTIVE, chat.id)
