"""Opening hours on the real engine: the message of a closed queue, waiting, and the effect of the opening."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.events import Assign, Connect, OpeningHours, Park, Release, Transfer
from domain.policy import DEFAULTS
from tests.workflows.engine import Chat, Engine
from tests.workflows.simulated_chat import START, SimulatedChat, new_state
from tests.workflows.test_deadlines import WITH_AGENT
from tests.workflows.time_skipping import MARGIN_AFTER, MARGIN_BEFORE, advance_to, advance_to_timer
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""The day on which the conversations begin, or the day before if a test runs over midnight."""

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
OUT_OF_HOURS, HOLIDAY = DEFAULTS[Mode.LIVE].texts.out_of_hours, DEFAULTS[Mode.LIVE].texts.holiday


def with_opening_time(text: str | None, opens: datetime) -> str:
    """A message with the opening time filled in, in the time zone of the queue."""
    assert text
    return text.replace("{OpeningTime}", f"{opens:%Y-%m-%d %H:%M} UTC")


def known_hours(state: ConversationState) -> tuple[bool, datetime | None]:
    """Whether the queue of the conversation is open, and until when."""
    assert state.hours is not None
    assert state.hours.queue == state.queue
    return state.hours.open, state.hours.until


async def advance_to_hours_change(environment: WorkflowEnvironment, chat: Chat, due: datetime) -> ConversationState:
    """Advance to the opening or closing of the queue. Checks that the state changes then, and not before."""
    await advance_to(environment, chat, due - MARGIN_BEFORE)
    before = await chat.state()
    deadline = next_deadline(before)
    assert deadline is not None
    assert (deadline.timer, deadline.due) == (Timer.HOURS, due)
    await advance_to(environment, chat, due + MARGIN_AFTER)
    after = await chat.state()
    assert known_hours(after)[0] is not known_hours(before)[0]
    assert due <= after.clock < due + MARGIN_AFTER
    return after


async def test_persistent_chat_in_a_closed_queue_waits_for_the_opening(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker(instances=INSTANCES):
        chat = await engine.start(Mode.PERSISTENT, greeting="Is anybody there?", **HOURS)
        await chat.do(Connect())
        await chat.send("I can wait.")
        assert known_hours(await chat.state()) == (False, OPENS[0])
        await chat.renew()
    async with engine.worker(instances=INSTANCES):
        state = await advance_to_hours_change(environment, chat, OPENS[0])
        assert (state.state, known_hours(state)) == (State.OPEN, (True, CLOSES[0]))
        state = await advance_to_hours_change(environment, chat, CLOSES[0])
        assert known_hours(state) == (False, OPENS[1])
        await chat.renew()
        state = await advance_to_hours_change(environment, chat, OPENS[1])
        assert state.state is State.OPEN
    messages = [with_opening_time(OUT_OF_HOURS, opens) for opens in OPENS]
    assert await chat.contents() == ["Is anybody there?", messages[0], "participant.joined", "I can wait.", messages[1]]
    assert [item.trigger for item in await chat.items() if item.role == "SYSTEM"] == ["out_of_hours"] * 2


async def test_open_age_of_a_live_chat_starts_at_the_opening(environment: WorkflowEnvironment, engine: Engine) -> None:
    async with engine.worker(instances=INSTANCES):
        chat = await engine.start(duration=None, **HOURS)
        await chat.do(Connect())
        await chat.renew()
    async with engine.worker(instances=INSTANCES):
        state = await advance_to_hours_change(environment, chat, OPENS[0])
        assert state.hours is not None
        assert state.hours.opened_at is not None
        assert OPENS[0] <= state.hours.opened_at < OPENS[0] + MARGIN_AFTER
        await chat.renew()
        await advance_to_timer(environment, chat, Timer.OPEN_AGE, state.hours.opened_at + timedelta(minutes=20))
        assert (await chat.handle.result())["reason"] == EndReason.OPEN_TOO_LONG


async def test_message_of_a_closed_queue_is_sent_once(environment: WorkflowEnvironment, engine: Engine) -> None:
    without_closed_message = {"texts": DEFAULTS[Mode.LIVE].texts.model_copy(update={"out_of_hours": None}).model_dump()}
    without_holiday_message = {"texts": DEFAULTS[Mode.LIVE].texts.model_copy(update={"holiday": None}).model_dump()}
    expected: list[tuple[str, dict[str, Any], list[str]]] = [
        ("live", HOURS, [with_opening_time(OUT_OF_HOURS, OPENS[0])]),
        ("feast", HOURS, [with_opening_time(HOLIDAY, OPENS[0])]),
        ("feast", HOURS | without_holiday_message, [with_opening_time(OUT_OF_HOURS, OPENS[0])]),
        ("live", HOURS | without_closed_message, []),
        ("never", HOURS, ["We are closed at the moment."]),
        ("always", HOURS, []),
        ("live", {}, []),
    ]
    async with engine.worker(instances=INSTANCES):
        for queue, policy, messages in expected:
            chat = await engine.start(queue=queue, **policy)
            await chat.send("Hello?")
            assert await chat.contents() == [*messages, "participant.joined", "Hello?"], (queue, policy)
            assert (await chat.state()).queue_closed is (queue != "always" and policy != {})


async def test_transfer_reads_the_hours_of_the_new_queue(engine: Engine) -> None:
    async with engine.worker(instances=INSTANCES):
        chat = await engine.start(**HOURS)
        await chat.do(*WITH_AGENT, Transfer(contact_id=f"{chat.id}-2", queue="always"))
        assert known_hours(await chat.state()) == (True, None)
        await chat.do(Assign(user="a2", name="A2"), Transfer(contact_id=f"{chat.id}-3", queue="feast"))
        assert known_hours(await chat.state()) == (False, OPENS[0])
        await chat.do(Assign(user="a3", name="A3"), Release())
        assert known_hours(await chat.state()) == (False, OPENS[0])
        messages = [item.content for item in await chat.items() if item.role == "SYSTEM" and item.content]
        assert messages == [with_opening_time(OUT_OF_HOURS, OPENS[0]), with_opening_time(HOLIDAY, OPENS[0])]


async def test_returning_customer_gets_the_message_of_the_current_closing(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    async with engine.worker(instances=INSTANCES):
        chat = await engine.start(Mode.PERSISTENT, **HOURS)
        await chat.do(*WITH_AGENT, Park())
        await chat.send("In the same night.")
        await advance_to(environment, chat, OPENS[0] + timedelta(hours=1))
        await chat.do(Assign(user="a1", name="A1"), Park())
        await advance_to(environment, chat, CLOSES[0] + timedelta(hours=1))
        await chat.send("In the next night.")
        await chat.do(Assign(user="a1", name="A1"), Park())
        await chat.renew()
    async with engine.worker(instances=INSTANCES):
        await advance_to(environment, chat, CLOSES[1] + timedelta(hours=1))
        await chat.send("In the night after an opening that it did not see.")
        await advance_to_hours_change(environment, chat, OPENS[2])
    messages = [item.content for item in await chat.items() if item.trigger == "out_of_hours"]
    assert messages == [with_opening_time(OUT_OF_HOURS, opens) for opens in OPENS]


def test_chat_with_known_hours_reads_them_again_after_the_policy_drops_hours() -> None:
    """Otherwise the chat would count as closed for ever, and its open age would never run."""
    closed = SimulatedChat(new_state(hours=True)).after(
        Connect(), OpeningHours(queue="q", open=False, until=START + timedelta(hours=8))
    )
    changed = SimulatedChat(
        closed.state.with_policy(closed.state.policy.model_copy(update={"hours": False})), closed.now
    )
    assert not changed.state.needs_opening_hours
    expired = changed.at(START + timedelta(hours=8))
    assert expired.state.needs_opening_hours
    opened = expired.after(OpeningHours(queue="q", open=True)).state
    assert next_deadline(opened) is not None
    assert not opened.queue_closed
