"""Running ahead to a deadline of one conversation, and seeing it take effect there: not before, and not after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from tests.workflows.engine import Chat
from workflows.state import ConversationState
from workflows.timers import Timer, next_deadline

BEFORE = timedelta(seconds=5)
"""How long before a deadline one looks that nothing has happened yet: the clock goes on while one looks."""

PROMPTLY = timedelta(seconds=3)
"""How long after a deadline the server lets the workflow know at the latest."""

AFTER = timedelta(seconds=10)
"""How long after a deadline one looks what has happened. The server runs on to the next timer when the clock has passed
where it was to stop before the workflow has answered the last one."""


async def now(environment: WorkflowEnvironment, chat: Chat) -> datetime:
    """What its clock shows."""
    info = await environment.get_time_skipping_info(environment.client.get_workflow_handle(chat.id))
    return info.current_time.ToDatetime(UTC) if info else datetime.now(UTC)


async def forward(environment: WorkflowEnvironment, chat: Chat, **time: float) -> None:
    """Lets its clock run ahead by a time."""
    await environment.fast_forward(environment.client.get_workflow_handle(chat.id), timedelta(**time))


async def forward_to(environment: WorkflowEnvironment, chat: Chat, instant: datetime) -> None:
    """Lets its clock run ahead until it shows an instant."""
    ahead = (instant - await now(environment, chat)).total_seconds()
    assert ahead > 0, "the instant has passed"
    await forward(environment, chat, seconds=ahead)


async def rings(environment: WorkflowEnvironment, chat: Chat, timer: Timer, due: datetime) -> ConversationState:
    """Goes to a deadline, which must be the next one and this; returns the state just after it.

    Shortly before it nothing has happened. Then what it brings has, dated at the deadline itself.
    """
    await forward_to(environment, chat, due - BEFORE)
    ahead = next_deadline(await chat.state())
    assert ahead is not None
    assert (ahead.timer, ahead.due) == (timer, due)
    run_id = await chat.run_id()
    await forward_to(environment, chat, due + AFTER)
    after = await chat.state()
    assert next_deadline(after) != ahead, f"{timer} did not ring"
    assert after.clock == due
    assert any(due <= at < due + PROMPTLY for at in await _fired(environment, chat, run_id)), f"{timer} rang late"
    return after


async def _fired(environment: WorkflowEnvironment, chat: Chat, run_id: str | None) -> list[datetime]:
    """When a run's timers have ended."""
    events = environment.client.get_workflow_handle(chat.id, run_id=run_id).fetch_history_events()
    ended = [event.event_time async for event in events if event.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
    return [at.ToDatetime(UTC) for at in ended]
