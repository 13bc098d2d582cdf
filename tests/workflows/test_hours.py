"""Opening hours on the real engine: who comes before closed doors is told once, kept, and woken when the queue opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Connect, OpeningHours, Park, Release, Transfer
from domain.policy import DEFAULTS
from tests.workflows.clock import AFTER, BEFORE, forward_to, rings
from tests.workflows.engine import Chat, Engine
from tests.workflows.story import START, Story, fresh
from tests.workflows.test_deadlines import SEATED
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""When the conversations begin, or at the worst the day before."""

OPENS = [TODAY + timedelta(days=days, hours=8) for days in (2, 3, 5)]
CLOSES = [opens + timedelta(hours=9) for opens in OPENS]
OPEN = {"time_zone": "UTC", "special": {f"{opens:%Y-%m-%d}": ["08:00-17:00"] for opens in OPENS}}
HOLIDAYS = [f"{TODAY + timedelta(days=days):%Y-%m-%d}" for days in (0, 1)]

DEMO: dict[str, Any] = {
    "hours": {"office": OPEN, "feast": {**OPEN, "closed": HOLIDAYS}, "never": {"time_zone": "UTC"}},
    "queues": {
        "live": {"hours": "office"},
        "persistent": {"hours": "office"},
        "feast": {"hours": "feast"},
        "never": {"hours": "never"},
        "always": {},
    },
    "workstreams": {"live": {"mode": "live", "queue": "live"}},
}
INSTANCES = {"demo": DEMO}
HOURS: dict[str, Any] = {"hours": True}
SHUT, HOLIDAY = DEFAULTS[Mode.LIVE].texts.out_of_hours, DEFAULTS[Mode.LIVE].texts.holiday


def said(text: str | None, opens: datetime) -> str:
    """What is told of an opening, in the time of the queue."""
    assert text
    return text.replace("{OpeningTime}", f"{opens:%Y-%m-%d %H:%M} UTC")


def says(state: ConversationState) -> tuple[bool, datetime | None]:
    """What it knows of its queue: whether it is open, and until when."""
    assert state.hours is not None
    assert state.hours.queue == state.queue
    return state.hours.open, state.hours.until


async def hours_change(environment: WorkflowEnvironment, chat: Chat, due: datetime) -> ConversationState:
    """Goes to the instant at which its queue opens or closes; nothing is known of that before, and all after it."""
    await forward_to(environment, chat, due - BEFORE)
    before = await chat.state()
    ahead = next_deadline(before)
    assert ahead is not None
    assert (ahead.timer, ahead.due) == (Timer.HOURS, due)
    await forward_to(environment, chat, due + AFTER)
    after = await chat.state()
    assert says(after)[0] is not says(before)[0]
    assert due <= after.clock < due + AFTER
    return after


async def test_a_persistent_conversation_waits_for_the_opening(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working(instances=INSTANCES):
        chat = await engine.start(Mode.PERSISTENT, greeting="Is anybody there?", **HOURS)
        await chat.do(Connect())
        await chat.say("I can wait.")
        assert says(await chat.state()) == (False, OPENS[0])
        await chat.renew()
    async with engine.working(instances=INSTANCES):
        state = await hours_change(environment, chat, OPENS[0])
        assert (state.state, says(state)) == (State.OPEN, (True, CLOSES[0]))
        state = await hours_change(environment, chat, CLOSES[0])
        assert says(state) == (False, OPENS[1])
        await chat.renew()
        state = await hours_change(environment, chat, OPENS[1])
        assert state.state is State.OPEN
    told = [said(SHUT, opens) for opens in OPENS]
    assert await chat.words() == ["Is anybody there?", told[0], "participant.joined", "I can wait.", told[1]]
    assert [item.trigger for item in await chat.items() if item.role == "SYSTEM"] == ["out_of_hours"] * 2


async def test_a_live_chat_does_not_grow_old_before_closed_doors(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working(instances=INSTANCES):
        chat = await engine.start(duration=None, **HOURS)
        await chat.do(Connect())
        await chat.renew()
    async with engine.working(instances=INSTANCES):
        state = await hours_change(environment, chat, OPENS[0])
        assert state.hours is not None
        assert state.hours.opened_at is not None
        assert OPENS[0] <= state.hours.opened_at < OPENS[0] + AFTER
        await chat.renew()
        await rings(environment, chat, Timer.OPEN_AGE, state.hours.opened_at + timedelta(minutes=20))
        assert (await chat.handle.result())["reason"] == EndReason.OPEN_TOO_LONG


async def test_a_chat_is_told_once_whatever_is_to_be_told(environment: WorkflowEnvironment, engine: Engine) -> None:
    silent = {"texts": DEFAULTS[Mode.LIVE].texts.model_copy(update={"out_of_hours": None}).model_dump()}
    plain = {"texts": DEFAULTS[Mode.LIVE].texts.model_copy(update={"holiday": None}).model_dump()}
    expected: list[tuple[str, dict[str, Any], list[str]]] = [
        ("live", HOURS, [said(SHUT, OPENS[0])]),
        ("feast", HOURS, [said(HOLIDAY, OPENS[0])]),
        ("feast", HOURS | plain, [said(SHUT, OPENS[0])]),
        ("live", HOURS | silent, []),
        ("never", HOURS, ["We are closed at the moment."]),
        ("always", HOURS, []),
        ("live", {}, []),
    ]
    async with engine.working(instances=INSTANCES):
        for queue, policy, told in expected:
            chat = await engine.start(queue=queue, **policy)
            await chat.say("Hello?")
            assert await chat.words() == [*told, "participant.joined", "Hello?"], (queue, policy)
            assert (await chat.state()).queue_closed is (queue != "always" and policy != {})


async def test_another_queue_is_asked_for_its_own_hours(engine: Engine) -> None:
    async with engine.working(instances=INSTANCES):
        chat = await engine.start(**HOURS)
        await chat.do(*SEATED, Transfer(contact_id=f"{chat.id}-2", queue="always"))
        assert says(await chat.state()) == (True, None)
        await chat.do(Assign(user="a2", name="A2"), Transfer(contact_id=f"{chat.id}-3", queue="feast"))
        assert says(await chat.state()) == (False, OPENS[0])
        await chat.do(Assign(user="a3", name="A3"), Release())
        assert says(await chat.state()) == (False, OPENS[0])
        told = [item.content for item in await chat.items() if item.role == "SYSTEM" and item.content]
        assert told == [said(SHUT, OPENS[0]), said(HOLIDAY, OPENS[0])]


async def test_who_returns_is_told_of_the_closing_they_return_to(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.working(instances=INSTANCES):
        chat = await engine.start(Mode.PERSISTENT, **HOURS)
        await chat.do(*SEATED, Park())
        await chat.say("In the same night.")
        await forward_to(environment, chat, OPENS[0] + timedelta(hours=1))
        await chat.do(Assign(user="a1", name="A1"), Park())
        await forward_to(environment, chat, CLOSES[0] + timedelta(hours=1))
        await chat.say("In the next night.")
        await chat.do(Assign(user="a1", name="A1"), Park())
        await chat.renew()
    async with engine.working(instances=INSTANCES):
        await forward_to(environment, chat, CLOSES[1] + timedelta(hours=1))
        await chat.say("In the night after an opening that it did not see.")
        await hours_change(environment, chat, OPENS[2])
    told = [item.content for item in await chat.items() if item.trigger == "out_of_hours"]
    assert told == [said(SHUT, opens) for opens in OPENS]


def test_what_once_knew_of_hours_goes_on_asking_though_no_queue_has_any_now() -> None:
    """Or else it would stand before closed doors for ever, and never grow too old."""
    closed = Story(fresh(hours=True)).then(
        Connect(), OpeningHours(queue="q", open=False, until=START + timedelta(hours=8))
    )
    changed = Story(closed.state.with_policy(closed.state.policy.model_copy(update={"hours": False})), closed.now)
    assert not changed.state.needs_opening_hours
    lapsed = changed.at(START + timedelta(hours=8))
    assert lapsed.state.needs_opening_hours
    opened = lapsed.then(OpeningHours(queue="q", open=True)).state
    assert next_deadline(opened) is not None
    assert not opened.queue_closed
