"""The clock of one conversation on the time-skipping server: advance it, and check when a deadline takes effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from tests.workflows.engine import Chat
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

MARGIN_BEFORE = timedelta(seconds=5)
"""Time before a deadline at which a test checks that nothing has happened yet. The clock goes on during the check."""

MAX_TIMER_DELAY = timedelta(seconds=3)
"""The latest time after a deadline at which the server fires the timer."""

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

    Checks that nothing happens shortly before the deadline, and that the effect is dated at the deadline.
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
    assert any(due <= at < due + MAX_TIMER_DELAY for at in await _fire_times(environment, chat, run_id)), (
        f"{timer} fired late"
    )
    return after


async def _fire_times(environment: WorkflowEnvironment, chat: Chat, run_id: str | None) -> list[datetime]:
    """The times at which the timers of a run fired."""
    events = environment.client.get_workflow_handle(chat.id, run_id=run_id).fetch_history_events()
    fired = [event.event_time async for event in events if event.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
    return [at.ToDatetime(UTC) for at in fired]
