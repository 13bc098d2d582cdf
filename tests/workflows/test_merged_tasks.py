"""A worker takes a conversation over whose last tasks led to nothing: its history must replay.

The worker receives such tasks and the next one as one, with the end of a timer after a command. A replay has them apart.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from domain.conversation import Mode, State
from domain.events import Park, Resume
from tests.workflows.engine import Chat, Engine, eventually
from workflows.conversation import Conversation

GRACE = timedelta(seconds=5)


async def history_of(chat: Chat) -> WorkflowHistory:
    return await chat.engine.client.get_workflow_handle(chat.id).fetch_history()


async def task_ends_after(chat: Chat, event: EventType.ValueType) -> None:
    """Wait until the task ends that an event has led to."""

    async def has_ended() -> bool | None:
        types = [each.event_type for each in (await history_of(chat)).events]
        is_over = types[-1] == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        return True if is_over and event in types else None

    await eventually(has_ended, "the task ends, and leads to nothing")


async def test_command_after_tasks_without_effect_replays(engine: Engine) -> None:
    policy: dict[str, Any] = {"agent_grace": GRACE, "assigned_within": GRACE, "waiting_period": None, "duration": None}
    async with engine.worker():
        chat = await engine.start(Mode.PERSISTENT, **policy)
        await chat.assign()  # the agent, who is not there, has some seconds to come
        await chat.do(Park())
        await chat.signal("disconnect", {"by": "agent"})
        await task_ends_after(chat, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        await task_ends_after(chat, EventType.EVENT_TYPE_TIMER_FIRED)
    async with engine.worker():
        await chat.do(Resume(user="a2", name="A2"))
        assert (await chat.state()).state is State.ACTIVE
    replayer = Replayer(workflows=[Conversation], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(await history_of(chat))
