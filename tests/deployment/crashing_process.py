"""An API or a worker that kills itself with SIGKILL right after a step of an attachment.

Start it with `python -m tests.deployment.crashing_process`. `CRASH_STEP` is the step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from temporalio import activity

import worker
from activities.attachment_scans import AttachmentScanner
from activities.recording import Recorder
from api.__main__ import run as run_api
from domain.attachments import AttachmentStatus
from domain.transcript import ItemType
from engine.attachment_files import AttachmentFiles
from engine.client import ConversationClient
from runtime.process import run_process
from store import attachments
from workflows.attachment_check import CheckAttachment
from workflows.contract import Commit, CommitResult


class Step(StrEnum):
    """The steps of an attachment, from Start to the item."""

    RESERVED = "the row is written"
    STAGED = "the upload is in the archive"
    NOTED = "the row names the upload"
    ACCEPTED = "the upload is accepted"
    KEPT = "the file is in its place"
    SENT = "the conversation has the message"
    CHECK_STARTED = "the workflow of the check has started"
    MARKED = "the row says that the item stands"
    SCANNED = "the scanner has given its verdict"
    DECIDED = "the conversation has decided on the message"
    STORED = "the store has the item"


OF_WORKER = (Step.SCANNED, Step.DECIDED, Step.STORED)
CRASH_STEP = Step(os.environ["CRASH_STEP"]) if "CRASH_STEP" in os.environ else None


def _crash_after(step: Step) -> None:
    if step is CRASH_STEP:
        os.kill(os.getpid(), signal.SIGKILL)


def _crashing(step: Step, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def crash(*args: Any, **options: Any) -> Any:
        result = await function(*args, **options)
        _crash_after(step)
        return result

    return crash


class CrashingScanner(AttachmentScanner):
    """Crashes once there is a verdict."""

    @activity.defn
    async def scan(self, check: CheckAttachment) -> AttachmentStatus:
        status = await super().scan(check)
        _crash_after(Step.SCANNED)
        return status


class CrashingRecorder(Recorder):
    """Crashes before or after the write of an attachment."""

    @activity.defn
    async def record(self, commit: Commit) -> CommitResult | None:
        has_attachment = any(item.type is ItemType.ATTACHMENT for item in commit.items)
        if has_attachment:
            _crash_after(Step.DECIDED)
        result = await super().record(commit)
        if has_attachment:
            _crash_after(Step.STORED)
        return result


def _run() -> None:
    if CRASH_STEP in OF_WORKER:
        worker.Recorder, worker.AttachmentScanner = CrashingRecorder, CrashingScanner
        run_process(worker.run)
        return
    for step, name in (
        (Step.RESERVED, "reserve"),
        (Step.NOTED, "note_upload"),
        (Step.ACCEPTED, "accept"),
        (Step.MARKED, "mark_recorded"),
    ):
        setattr(attachments, name, _crashing(step, getattr(attachments, name)))
    for step, kind, name in (
        (Step.STAGED, AttachmentFiles, "stage"),
        (Step.KEPT, AttachmentFiles, "keep"),
        (Step.SENT, ConversationClient, "send_message"),
        (Step.CHECK_STARTED, ConversationClient, "check_attachment"),
    ):
        setattr(kind, name, _crashing(step, getattr(kind, name)))
    run_process(run_api)


if __name__ == "__main__":
    _run()
