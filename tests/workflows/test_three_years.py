"""Three years of one persistent conversation: its histories stay small, its timers fire on time, and no message is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from domain.contacts import EndReason
from domain.conversation import Mode, State
from domain.policy import IdleAction
from tests.workflows.engine import Chat, Engine
from tests.workflows.test_idle_rules import idle_rule
from tests.workflows.time_skipping import advance_to, advance_to_timer, current_time
from workflows.run_length import QUIET_SHARE
from workflows.timers import Timer

pytestmark = pytest.mark.slow

MONTHS = 36
MONTH = timedelta(days=365.25) / 12
REMINDED_AFTER = timedelta(days=14)
WAITING_PERIOD = timedelta(days=60)
RECYCLE_AFTER = 100
MAX_EVENTS = 150
"""A run continues until its batch is written. One month has about thirty events."""


async def run_month(environment: WorkflowEnvironment, chat: Chat, month: int) -> list[str]:
    """Run one month and return its messages: the customer writes, an agent answers and parks, in some months after a loss."""
    state = await chat.state()
    user = "a2" if month % 5 == 4 else None
    messages = [f"{month}: here I am", f"{month}: welcome", f"{month}: thanks", f"{month}: anything else?"]
    await chat.signal("connect")
    await chat.signal("message", {"content": messages[0], "by": "customer"})
    if state.parked_by is None:
        await chat.signal("assign", {"user": "a1", "name": "A1"})
    else:
        await chat.signal("resume", {"user": user, "name": "A2"} if user else {})
    await chat.signal("connect", {"by": "agent"})
    await chat.signal("message", {"content": messages[1], "by": "agent"})
    if month % 6 == 5:
        await chat.signal("disconnect", {"by": "agent"})
        lost = (
            await chat.wait_until(lambda s: s.agent is not None and s.agent.presence == "away", "the agent is lost")
        ).agent
        assert lost is not None
        queued = await advance_to_timer(environment, chat, Timer.AGENT_GRACE, lost.since + timedelta(seconds=150))
        assert (queued.state, queued.agent) == (State.OPEN, None)
        await chat.signal("assign", {"user": "a3", "name": "A3"})
        await chat.signal("connect", {"by": "agent"})
    await chat.signal("message", {"content": messages[2], "by": "customer"})
    await chat.signal("message", {"content": messages[3], "by": "agent"})
    await chat.signal("park")
    await chat.signal("disconnect")
    await chat.wait_until(
        lambda s: s.state is State.WAITING and s.customer.presence == "away", f"month {month} is over"
    )
    return messages


async def test_persistent_chat_lasts_three_years_with_small_histories(
    environment: WorkflowEnvironment, engine: Engine
) -> None:
    messages: list[str] = []
    reminder = idle_rule("customer", 14 * 24 * 60, IdleAction.REMIND, "Is it solved?")
    chat = await engine.start(
        Mode.PERSISTENT, recycle_after=RECYCLE_AFTER, waiting_period=WAITING_PERIOD, idle_rules=[reminder]
    )
    async with engine.worker():
        started_at = (await chat.state()).started_at
    for year in range(3):
        async with engine.worker():
            for month in range(year * 12, year * 12 + 12):
                messages += await run_month(environment, chat, month)
                await advance_to(environment, chat, started_at + (month + 1) * MONTH)
    async with engine.worker():
        state = await chat.state()
        assert (state.state, state.refused_count) == (State.WAITING, 0)
        assert await current_time(environment, chat) - started_at >= timedelta(days=3 * 365)
        state = await advance_to_timer(environment, chat, Timer.WAITING, state.since + WAITING_PERIOD)
        assert (state.state, state.end_reason) == (State.CLOSED, EndReason.WAITED_TOO_LONG)
        runs = (await chat.handle.result())["runs"]
    items = await chat.items()
    assert [item.content for item in items if item.role in ("CUSTOMER", "AGENT") and item.content] == messages
    assert [item.seq for item in items] == list(range(1, len(items) + 1))
    assert [item.at for item in items] == sorted({item.at for item in items})
    asked_at = [item.at for item in items if item.content and item.content.endswith("anything else?")]
    reminded_at = [item.at for item in items if item.trigger == "customer_idle_remind"]
    delays = [reminder - question - REMINDED_AFTER for question, reminder in zip(asked_at, reminded_at, strict=True)]
    assert len(delays) == MONTHS
    assert max(map(abs, delays)) < timedelta(seconds=1)
    sizes = await events_per_run(chat)
    assert len(sizes) == runs
    assert max(sizes) <= MAX_EVENTS
    assert runs <= sum(sizes) / (RECYCLE_AFTER / QUIET_SHARE) + 1


async def events_per_run(chat: Chat) -> list[int]:
    """The number of events in the history of each run, latest run first."""
    sizes: list[int] = []
    run_id = await chat.run_id()
    while run_id:
        run = chat.engine.client.get_workflow_handle(chat.id, run_id=run_id)
        events = [event async for event in run.fetch_history_events()]
        sizes.append(len(events))
        assert events[0].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
        run_id = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return sizes
