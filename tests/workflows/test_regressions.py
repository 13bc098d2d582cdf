"""What once went wrong, found by the model-based tests, each with the sequence that showed it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta, timezone

import pytest
from pydantic import ValidationError

from domain.contacts import EndReason
from domain.conversation import State
from domain.events import Assign, Connect, End, Invite, Leave, Message, TimerSetting, Transfer
from domain.participants import ParticipantTimer, Role
from domain.policy import IdleAction, IdleRule
from engine.client import ConversationClient
from runtime.bus import Announcement, LocalBus
from runtime.settings import Settings
from store import conversations
from tests.routing.routing_records import routing_row
from tests.workflows.engine import Engine
from tests.workflows.story import MOMENT, START, Story, fresh
from workflows.machine import catch_up, decide
from workflows.timers import deadlines


class Interrupting(LocalBus):
    """A bus on which the n-th commit that brings items is followed by a signal, while the task that wrote it is not done."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self._left = nth
        self.interrupt: Callable[[], Awaitable[None]] | None = None

    async def announce(self, announcement: Announcement) -> None:
        await super().announce(announcement)
        if announcement.frame is not None:  # a change in routing, or an event that is not stored
            return
        self._left -= 1
        if self._left == 0 and self.interrupt:
            await self.interrupt()


async def test_what_a_repeated_task_writes_is_what_counts(engine: Engine) -> None:
    bus = Interrupting(1)
    async with engine.working(bus=bus):
        chat = await engine.start()
        await chat.state()
    # in one task: something is written, and the run is about to continue as new when another signal comes in between
    await chat.signal("connect")
    await chat.signal("renew")
    bus.interrupt = lambda: chat.signal("end", {"by": "kim"})
    async with engine.working(bus=bus):
        await chat.handle.result()
        state = await chat.state()
    record = await conversations.find_conversation(engine.db, chat.id)
    assert record
    assert (record.state, record.end_reason) == (state.state, state.end_reason)
    assert await chat.words() == ["participant.joined", "participant.left", "chat.ended"]
    assert await routing_row(engine.db, chat.id) is None


async def test_a_command_that_something_crosses_is_still_answered(engine: Engine) -> None:
    bus = Interrupting(1)
    client = ConversationClient(engine.client, Settings())
    async with engine.working(bus=bus):
        chat = await engine.start()
        await chat.state()
        # the end completes the workflow; a signal that arrives meanwhile makes the engine drop the update with its task
        bus.interrupt = lambda: chat.signal("message", {"content": "wait", "id": "m"})
        assert await client.ask(chat.id, End(by="kim")) is None
        await chat.handle.result()
    assert sorted(await chat.words()) == ["chat.ended", "wait"]


async def test_a_message_that_crosses_the_end_that_a_timer_brings_is_recorded(engine: Engine) -> None:
    bus = Interrupting(2)
    async with engine.working(bus=bus):
        chat = await engine.start(open_age=timedelta(seconds=2))
        await chat.signal("connect")
        state = await chat.until(lambda s: s.seq == 1, "the customer has joined")
        # it was accepted a moment before the conversation has been open for too long, and arrives while that is written
        accepted = {
            "by": state.customer.id,
            "role": "CUSTOMER",
            "name": "Ada",
            "id": "m",
            "content": "am I in time?",
            "at": (state.started_at + timedelta(seconds=1.9)).isoformat(),
        }
        bus.interrupt = lambda: chat.signal("message", accepted)
        await chat.handle.result()
    said = ["participant.joined", "am I in time?", "participant.left", "chat.ended"]
    assert sorted(await chat.words()) == sorted(said)


@pytest.mark.parametrize("limit", [timedelta.max, timedelta(days=3_000_000)])
def test_a_limit_beyond_the_calendar_is_none(limit: timedelta) -> None:
    assert not deadlines(fresh(connect_within=None, open_age=limit, duration=limit))
    with pytest.raises(ValidationError):
        TimerSetting(role=Role.CUSTOMER, kind=ParticipantTimer.IDLE, limit=limit)


@pytest.mark.parametrize(("silent", "action"), [("agent", "close"), ("customer", "release")])
def test_an_idle_rule_that_suits_nobody_is_none(silent: str, action: str) -> None:
    rule = IdleRule.model_validate({"silent": silent, "after": MOMENT, "action": action})
    spoken = (Connect(), Assign(user="a1", name="A1"), Message(by="agent", content="Hello"))
    story = Story(fresh(idle_rules=(rule,))).then(*spoken)
    assert story.at(story.now + 10 * MOMENT).state == story.state


def test_a_bot_that_left_and_was_invited_again_may_end() -> None:
    comes = Invite(participant_id="b", name="Bot")
    story = Story(fresh()).then(comes, Leave(by="b"), comes, Assign(user="a1", name="A1"), End(by="b"))
    assert story.state.end_reason is EndReason.AGENT_ENDED


@pytest.mark.parametrize("id", ["c-customer", "customer", "agent", "operator"])
def test_nobody_is_invited_as_somebody_else(id: str) -> None:
    assert decide(fresh(), Invite(participant_id=id, name="Bot"), START).refused


def test_instants_are_in_utc_whatever_the_zone_of_the_sender() -> None:
    at = (START + MOMENT).astimezone(timezone(timedelta(hours=5)))
    decision = decide(fresh(), Message(by="customer", content="hi", at=at), START + 2 * MOMENT)
    assert {item.at.utcoffset() for item in decision.items} == {timedelta(0)}
    assert decision.state.clock.utcoffset() == timedelta(0)


def test_what_the_agent_before_said_at_the_same_instant_is_not_the_word_of_the_next() -> None:
    rule = IdleRule(silent="agent", after=10 * MOMENT, action=IdleAction.RELEASE)
    story = Story(fresh(idle_rules=(rule,))).then(Connect(), Assign(user="a1", name="A1"), Connect(by="agent"))
    said = decide(story.state, Message(by="agent", content="Goodbye"), story.now)
    handed = decide(said.state, Transfer(contact_id="t", queue="q", user="a2", name="A2"), story.now)
    assert catch_up(handed.state, story.now + 10 * MOMENT).state.state is State.OPEN
