"""Calls of the activities: the workflow waits for writes and queries, and has transcript files written in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from domain.events import OpeningHours
from workflows.contract import ArchiveJob, Commit, CommitResult, ConversationActivities, OpeningHoursQuery
from workflows.state import ConversationState
from workflows.state_parts import UnarchivedContact

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")

LOCAL_LIMIT = timedelta(seconds=5)
"""Time limit of a call as a local activity. After that it runs as a regular activity, and operators can see its retries."""

LOCAL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=1), maximum_attempts=7
)
"""Seven attempts take about as long as `LOCAL_LIMIT`, which the SDK (1.35) applies to one attempt, but not to their sum."""

ARCHIVE_HEARTBEAT = timedelta(seconds=20)
"""A transcript file is written again this long after the last sign of life of the worker that was writing it."""


async def write(commit: Commit) -> CommitResult | None:
    """Write a commit to the store. Retries without limit, and returns once the commit is stored.

    Returns:
        The corrections that the conversation must apply, see `CommitResult`; None without any.
    """
    return await _call(ConversationActivities.record, commit, _summary(commit))


async def wait_for_regular_activity(conversation_id: str) -> None:
    """Wait for a regular activity that writes nothing. Unlike that of a local activity, its result stands in the history."""
    await _execute_regular_activity(
        ConversationActivities.record, Commit(conversation_id=conversation_id), "before the run ends"
    )


async def opening_hours(question: OpeningHoursQuery) -> OpeningHours:
    """Query the opening hours of a queue."""
    return await _call(ConversationActivities.opening_hours, question, f"opening hours of {question.queue}"[:200])


async def _call(
    activity: Callable[[ConversationActivities, _Input], Awaitable[_Output]], input: _Input, summary: str
) -> _Output:
    try:
        return await workflow.execute_local_activity_method(
            activity, input, schedule_to_close_timeout=LOCAL_LIMIT, retry_policy=LOCAL_RETRIES, summary=summary
        )
    except FailureError:  # an ActivityError in the first run, its cause alone in a replay (SDK 1.35)
        return await _execute_regular_activity(activity, input, summary)


async def _execute_regular_activity(
    activity: Callable[[ConversationActivities, _Input], Awaitable[_Output]], input: _Input, summary: str
) -> _Output:
    return await workflow.execute_activity_method(
        activity,
        input,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=10)),
        summary=summary,
    )


class ArchiveWriter:
    """Has the transcript file of each ended contact written, in the background. Retries without limit.

    Args:
        written: called after the file of a contact is written.
    """

    def __init__(self, written: Callable[[UnarchivedContact], None]) -> None:
        self._written = written
        self._running: dict[UnarchivedContact, asyncio.Task[None]] = {}

    def start(self, state: ConversationState) -> None:
        """Start writing the files that the state lists, except those that are being written."""
        for contact in state.unarchived:
            if contact not in self._running:
                job = ArchiveJob(conversation_id=state.id, instance=state.instance, contact_id=contact.contact_id)
                self._running[contact] = asyncio.create_task(self._write(contact, job))

    async def _write(self, contact: UnarchivedContact, job: ArchiveJob) -> None:
        await workflow.execute_activity_method(
            ConversationActivities.archive,
            job,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=ARCHIVE_HEARTBEAT,
            retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
            summary="transcript file of an ended contact",
        )
        del self._running[contact]
        self._written(contact)


def _summary(commit: Commit) -> str:
    parts = [f"{len(commit.items)} items to {commit.items[-1].seq}"] if commit.items else []
    return ", ".join(parts + ([f"state {commit.snapshot.state}"] if commit.snapshot else []))
