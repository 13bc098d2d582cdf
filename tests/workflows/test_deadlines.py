"""Every timer with its default limit, to the second, over continue-as-new and the restart of the worker."""

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
from tests.workflows.clock import forward_to, rings
from tests.workflows.engine import Chat, Engine
from workflows.state import ConversationState
from workflows.timers import TIMER_RULES, Timer

SEATED = (Connect(), Assign(user="a1", name="A1"), Connect(by="agent"))
AGENT_LOST = (*SEATED, Disconnect(by="agent"))
PARKED = (*SEATED, Park())
OFFERED, TAKEN = "offered", AcceptOffer(offer_id="o", by="a1")
SURVEY: dict[str, Any] = {"survey": Survey(questions=(SurveyQuestion(key="score", text="How was it?"),)).model_dump()}


class Case(NamedTuple):
    """What has happened, the timer that rings next, since when it runs and for how long, and where it leads."""

    timer: Timer
    mode: Mode
    so_far: tuple[Command | str, ...]
    since: Callable[[ConversationState], datetime | None]
    limit: timedelta
    state: State
    reason: EndReason | None = None
    policy: dict[str, Any] = {}


def set_timers(role: Role, **limits: int) -> Configure:
    """Participant timers, in minutes."""
    timers = [{"role": role, "kind": kind, "limit": timedelta(minutes=limit)} for kind, limit in limits.items()]
    return Configure.model_validate({"timers": timers})


def silent(who: str, action: IdleAction, **after: int) -> dict[str, Any]:
    """A policy with a chain of one step."""
    rule = IdleRule.model_validate({"silent": who, "after": timedelta(**after), "action": action, "text": "Hello?"})
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
CLOSES, RELEASES = silent("customer", IdleAction.CLOSE, days=2), silent("agent", IdleAction.RELEASE, minutes=7)
REMINDS = silent("agent", IdleAction.REMIND, minutes=7)
CUSTOMER_IDLE = set_timers(Role.CUSTOMER, IDLE=2)
CUSTOMER_OUT = set_timers(Role.CUSTOMER, DISCONNECT_NONCUSTOMER=480)
AGENT_IDLE, AGENT_OUT = set_timers(Role.AGENT, IDLE=480), set_timers(Role.AGENT, DISCONNECT_NONCUSTOMER=2)

CASES = (
    Case(Timer.CONNECT, LIVE, (), started, 5 * MINUTE, CLOSED, EndReason.NEVER_CONNECTED),
    Case(Timer.CONNECT, LIVE, SEATED[1:], started, 5 * MINUTE, WRAP_UP, EndReason.NEVER_CONNECTED),
    Case(Timer.CONNECT, PERSISTENT, (), started, 5 * MINUTE, OPEN),
    Case(Timer.RECONNECT, LIVE, (Connect(), Disconnect()), customer_since, 3 * MINUTE, CLOSED, EndReason.CUSTOMER_LOST),
    Case(Timer.RECONNECT, LIVE, (*SEATED, Disconnect()), customer_since, 3 * MINUTE, WRAP_UP, EndReason.CUSTOMER_LOST),
    Case(Timer.OPEN_AGE, LIVE, (Connect(),), started, 20 * MINUTE, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.OPEN_AGE, PERSISTENT, (Connect(),), started, 30 * DAY, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.OPEN_AGE, LIVE, (*SEATED, Release()), since, 20 * MINUTE, CLOSED, EndReason.OPEN_TOO_LONG),
    Case(Timer.DURATION, LIVE, SEATED, started, timedelta(hours=25), WRAP_UP, DURATION),
    Case(Timer.DURATION, PERSISTENT, (Connect(),), started, 60 * MINUTE, CLOSED, DURATION, HOUR),
    Case(Timer.DURATION, PERSISTENT, SEATED, started, 60 * MINUTE, WRAP_UP, DURATION, HOUR),
    Case(Timer.DURATION, PERSISTENT, PARKED, started, 60 * MINUTE, CLOSED, DURATION, HOUR),
    Case(Timer.WAITING, PERSISTENT, PARKED, since, 30 * DAY, CLOSED, EndReason.WAITED_TOO_LONG),
    Case(Timer.WRAP_UP, LIVE, (*SEATED, End(by="agent")), since, 15 * MINUTE, CLOSED, EndReason.AGENT_ENDED),
    Case(Timer.WRAP_UP, PERSISTENT, (*SEATED, End(by="agent")), since, DAY, CLOSED, EndReason.AGENT_ENDED),
    Case(Timer.SURVEY, LIVE, (*SEATED, End(by="agent")), since, 10 * MINUTE, WRAP_UP, EndReason.AGENT_ENDED, SURVEY),
    Case(Timer.SURVEY, PERSISTENT, (*SEATED, End(by="agent")), since, 10 * MINUTE, WRAP_UP, EndReason.AGENT_ENDED, SURVEY),
    Case(Timer.AGENT_GRACE, LIVE, AGENT_LOST, agent_presence_since, timedelta(seconds=150), OPEN),
    Case(Timer.AGENT_GRACE, PERSISTENT, AGENT_LOST, agent_presence_since, timedelta(seconds=150), OPEN),
    Case(Timer.AGENT_GRACE, LIVE, (Connect(), OFFERED, TAKEN), agent_since, timedelta(seconds=150), OPEN),
    Case(Timer.OFFER, LIVE, (OFFERED,), offered_until, timedelta(0), OPEN),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*SEATED, "agent"), agent_spoke, 2 * DAY, WRAP_UP, SILENT, CLOSES),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*SEATED, "agent", Park()), agent_spoke, 2 * DAY, CLOSED, SILENT, CLOSES),
    Case(Timer.CUSTOMER_SILENT, PERSISTENT, (*SEATED, "agent", Release()), agent_spoke, 2 * DAY, CLOSED, SILENT, CLOSES),
    Case(Timer.AGENT_SILENT, LIVE, (*SEATED, "agent", "customer"), customer_spoke, 7 * MINUTE, OPEN, None, RELEASES),
    Case(Timer.AGENT_SILENT, LIVE, (*SEATED, "customer"), since, 7 * MINUTE, ACTIVE, None, REMINDS),
    Case(Timer.CUSTOMER_IDLE, LIVE, (CUSTOMER_IDLE, *SEATED), agent_presence_since, 2 * MINUTE, ACTIVE),
    Case(Timer.CUSTOMER_IDLE, LIVE, (*SEATED, CUSTOMER_IDLE, "customer"), customer_spoke, 2 * MINUTE, ACTIVE),
    Case(Timer.AGENT_IDLE, LIVE, (*SEATED, AGENT_IDLE, "customer"), agent_presence_since, 480 * MINUTE, ACTIVE),
    Case(Timer.CUSTOMER_DISCONNECT, PERSISTENT, (*SEATED, CUSTOMER_OUT), agent_presence_since, 480 * MINUTE, WRAP_UP, IDLE),
    Case(Timer.AGENT_DISCONNECT, LIVE, (*SEATED, AGENT_OUT, "agent"), agent_spoke, 2 * MINUTE, WRAP_UP, IDLE),
)  # fmt: skip


@pytest.mark.parametrize("timer", [rule.timer for rule in TIMER_RULES if rule.timer is not Timer.HOURS])
async def test_a_timer(environment: WorkflowEnvironment, engine: Engine, timer: Timer) -> None:
    """With every timer but the one that test_hours.py has."""

    async def prepared(case: Case) -> tuple[Chat, datetime]:
        chat = await engine.start(case.mode, **case.policy)
        await bring(chat, case.so_far)
        since = case.since(await chat.state())
        assert since is not None
        await chat.renew()
        return chat, since + case.limit

    async def tried(case: Case, chat: Chat, due: datetime) -> None:
        after = await rings(environment, chat, timer, due)
        assert (after.state, after.end_reason) == (case.state, case.reason), case
        assert (after.closed_at or after.ended_at) == (due if case.reason else None), case

    cases = [case for case in CASES if case.timer is timer]
    assert cases
    async with engine.working():
        chats = await asyncio.gather(*map(prepared, cases))
    async with engine.working():
        await asyncio.gather(*(tried(case, *chat) for case, chat in zip(cases, chats, strict=True)))


async def bring(chat: Chat, so_far: tuple[Command | str, ...]) -> None:
    """Has all this happen; a text is who says something, or `OFFERED`."""
    for each in so_far:
        if each == OFFERED:
            await offer(chat)
        else:
            await (chat.say("Well.", each) if isinstance(each, str) else chat.do(each))


async def offer(chat: Chat) -> None:
    """An offer to an agent, as the board makes it."""
    until = datetime.now(UTC) + 2 * MINUTE
    await chat.signal("offer", {"offer_id": "o", "user": "a1", "name": "A1", "until": until.isoformat()})
    await chat.until(lambda s: s.offer is not None, "it is offered")


async def test_what_has_no_limit_goes_on(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.working():
        never_there = await engine.start(PERSISTENT, open_age=None)
        gone = await engine.start(PERSISTENT)
        await gone.do(*SEATED, Disconnect())
        for chat in (never_there, gone):
            started_at = (await chat.state()).started_at
            await forward_to(environment, chat, started_at + timedelta(days=4_000))
            state = await chat.state()
            assert (state.state, state.customer.presence) == (
                State.ACTIVE if state.agent else State.OPEN,
                ParticipantPresence.AWAY,
            )
        await never_there.do(Connect())
        assert (await never_there.state()).customer.presence is ParticipantPresence.CONNECTED


@pytest.mark.parametrize("mode", Mode)
async def test_an_agent_who_is_back_in_time_goes_on(
    environment: WorkflowEnvironment, engine: Engine, mode: Mode
) -> None:
    async with engine.working():
        chat = await engine.start(mode)
        await bring(chat, AGENT_LOST)
        lost_at = agent_presence_since(await chat.state())
        assert lost_at is not None
        await chat.renew()
    async with engine.working():
        await forward_to(environment, chat, lost_at + timedelta(seconds=145))
        await chat.do(Connect(by="agent"))
        await forward_to(environment, chat, lost_at + timedelta(hours=1))
        state = await chat.state()
    assert (state.state, state.contact_id) == (State.ACTIVE, chat.id)
