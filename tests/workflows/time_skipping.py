"""The clock of one conversation on the time-skipping server: advance it, and check when a deadline takes effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from tests.workflows.engine import Chat
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

MARGIN_BEFORE = timedelta(seconds=5)
"""Time before a deadline at which a test checks that nothing has happened yet. The clock goes on during the check."""

MARGIN_AFTER = timedelta(seconds=10)
"""Time after a deadline at which a test checks the effect. The server advances to the next timer when the clock passes the
requested stop before the workflow has handled the last timer."""


async def current_time(environment: WorkflowEnvironment, chat: Chat) -> datetime:
    """Return the time that the clock of a conversation shows."""
    info = await environment.get_time_skipping_info(environment.client.get_workflow_handle(chat.id))
    return info.current_time.ToDatetime(UTC) if info else datetime.now(UTC)


async def advance(environment: WorkflowEnvironment, chat: Chat, **time: float) -> None:
    """Advance the clock of a conversation by a time."""
    await environment.fast_forward(environment.client.get_workflow_handle(chat.id), timedelta(**time))


async def advance_to(environment: WorkflowEnvironment, chat: Chat, instant: datetime) -> None:
    """Advance the clock of a conversation to an instant."""
    seconds_ahead = (instant - await current_time(environment, chat)).total_seconds()
    assert seconds_ahead > 0, "the instant has passed"
    await advance(environment, chat, seconds=seconds_ahead)


async def advance_to_timer(
    environment: WorkflowEnvironment, chat: Chat, timer: Timer, due: datetime
) -> ConversationState:
    """Advance to the next deadline, which must be this one. Return the state just after it.

    Checks that nothing happens shortly before the deadline, that the effect is dated at the deadline, and that a timer was set
    for it. The timer may also be one of an earlier deadline which the deadline passes before the workflow handles it.
    """
    await advance_to(environment, chat, due - MARGIN_BEFORE)
    deadline = next_deadline(await chat.state())
    assert deadline is not None
    assert (deadline.timer, deadline.due) == (timer, due)
    run_id = await chat.run_id()
    await advance_to(environment, chat, due + MARGIN_AFTER)
    after = await chat.state()
    assert next_deadline(after) != deadline, f"{timer} did not take effect"
    assert after.clock == due
    history = await environment.client.get_workflow_handle(chat.id, run_id=run_id).fetch_history()
    ends = fired_timers(history)
    assert any(end.earliest <= due and due - MARGIN_BEFORE < end.latest for end in ends), (
        f"no timer was set for {timer}"
    )
    return after


@dataclass(frozen=True)
class TimerEnd:
    """The instants between which a timer ends, as the workflow set it.

    The workflow computes the duration at some instant of the task that sets the timer. The server counts from the end of that
    task, so a slow write makes the timer fire later. The bounds do not depend on the speed of the machine.
    """

    earliest: datetime
    latest: datetime


def fired_timers(history: WorkflowHistory) -> list[TimerEnd]:
    """Return the ends of the timers that have fired in a run, in the order in which they fired."""
    by_id = {event.event_id: event for event in history.events}
    fired = [
        event.timer_fired_event_attributes for event in history.events if event.HasField("timer_fired_event_attributes")
    ]
    return [_timer_end(by_id, by_id[attributes.started_event_id]) for attributes in fired]


def _timer_end(by_id: dict[int, HistoryEvent], started: HistoryEvent) -> TimerEnd:
    attributes = started.timer_started_event_attributes
    task = by_id[attributes.workflow_task_completed_event_id].workflow_task_completed_event_attributes
    duration = attributes.start_to_fire_timeout.ToTimedelta()
    task_start = by_id[task.started_event_id].event_time.ToDatetime(UTC)
    return TimerEnd(earliest=task_start + duration, latest=started.event_time.ToDatetime(UTC) + duration)
