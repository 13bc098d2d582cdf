"""How a conversation writes: its news promptly, the files of its ended contacts in their own time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from workflows.contract import ArchiveJob, Commit, ConversationActivities, HoursQuestion, Recorded
from workflows.events import Hours
from workflows.memory import Unarchived
from workflows.state import ConversationState

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")

PROMPTLY = timedelta(seconds=5)
"""How long something may take as a local activity, before it becomes an ordinary one that an operator sees retrying."""


async def write(commit: Commit) -> Recorded | None:
    """Returns once the commit is in the store, however long that takes; what there is to say to it."""
    return await _promptly(ConversationActivities.record, commit, _summary(commit))


async def opening_hours(question: HoursQuestion) -> Hours:
    """What the opening hours of a queue say."""
    return await _promptly(ConversationActivities.opening_hours, question, f"opening hours of {question.queue}"[:200])


async def _promptly(
    activity: Callable[[ConversationActivities, _Input], Awaitable[_Output]], input: _Input, summary: str
) -> _Output:
    try:
        return await workflow.execute_local_activity_method(
            activity, input, schedule_to_close_timeout=PROMPTLY, summary=summary
        )
    except FailureError:  # an ActivityError when it happens, its bare cause when it is replayed (SDK 1.35)
        return await workflow.execute_activity_method(
            activity,
            input,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=10)),
            summary=summary,
        )


class Files:
    """Has a file written of every contact that has ended, beside the conversation, for as long as that takes."""

    def __init__(self, written: Callable[[Unarchived], None]) -> None:
        self._written = written
        self._under_way: dict[Unarchived, asyncio.Task[None]] = {}

    def write(self, state: ConversationState) -> None:
        """Begins with what is still to be written and not under way."""
        for contact in state.unarchived:
            if contact not in self._under_way:
                job = ArchiveJob(conversation_id=state.id, instance=state.instance, contact_id=contact.contact_id)
                self._under_way[contact] = asyncio.create_task(self._write(contact, job))

    async def _write(self, contact: Unarchived, job: ArchiveJob) -> None:
        await workflow.execute_activity_method(
            ConversationActivities.archive,
            job,
            start_to_close_timeout=timedelta(minutes=5),
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
            summary="transcript file of an ended contact",
        )
        del self._under_way[contact]
        self._written(contact)


def _summary(commit: Commit) -> str:
    parts = [f"{len(commit.items)} items to {commit.items[-1].seq}"] if commit.items else []
    return ", ".join(parts + ([f"state {commit.facts.state}"] if commit.facts else []))
