"""The check of an attachment by a scanner: a workflow of its own, which operators see, with the verdict as its result.

The conversation does not wait for it: it gets the attachment as a message, once there is a verdict.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.attachments import AttachmentStatus
    from domain.events import Message
    from domain.value import Value

SCAN_TRIES = 3
SCAN_LIMIT = timedelta(seconds=60)
"""A file on which there is no verdict after this time is rejected."""

SCAN_PAUSE = timedelta(seconds=8)
"""The pause after the first try; the next one is twice as long. Three tries outlast the restart of a scanner."""

TRY_LIMIT = timedelta(seconds=30)


def check_id(attachment_id: str) -> str:
    """The id of the workflow that checks an attachment."""
    return f"attachment-{attachment_id}"


class CheckAttachment(Value):
    """Input of a check: the file, and the message that the conversation gets, without the verdict.

    Attributes:
        instance: the instance of the conversation.
        path: the path of the file within the archive.
        began_at: when its upload began, in milliseconds since 1970.
    """

    conversation_id: str
    instance: str
    path: str
    began_at: int
    message: Message


class AttachmentActivities:
    """The signatures of the activities of a check; `activities/` implements them."""

    @activity.defn
    async def scan(self, check: CheckAttachment) -> AttachmentStatus:
        """The verdict of the scanner on a file. Fails when there is none now."""
        raise NotImplementedError

    @activity.defn
    async def discard(self, check: CheckAttachment) -> None:
        """Delete the file. Idempotent."""
        raise NotImplementedError


@workflow.defn
class AttachmentCheck:
    """Checks one attachment, and tells the conversation the verdict."""

    @workflow.run
    async def run(self, check: CheckAttachment) -> AttachmentStatus:
        """Has the file scanned, at most `SCAN_LIMIT`, sends the message, and has a rejected file deleted."""
        status = await self._verdict(check)
        is_told = await self._send_verdict(check, status)
        if status is AttachmentStatus.REJECTED or not is_told:
            await workflow.execute_activity_method(
                AttachmentActivities.discard,
                check,
                start_to_close_timeout=TRY_LIMIT,
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
                summary="deletion of the file",
            )
        return status

    async def _verdict(self, check: CheckAttachment) -> AttachmentStatus:
        try:
            return await workflow.execute_activity_method(
                AttachmentActivities.scan,
                check,
                schedule_to_close_timeout=SCAN_LIMIT,
                start_to_close_timeout=TRY_LIMIT,
                retry_policy=RetryPolicy(initial_interval=SCAN_PAUSE, maximum_attempts=SCAN_TRIES),
                summary="scan of the file",
            )
        except FailureError:
            return AttachmentStatus.REJECTED

    async def _send_verdict(self, check: CheckAttachment, status: AttachmentStatus) -> bool:
        """Send the conversation its message. Returns whether the conversation still runs."""
        conversation = workflow.get_external_workflow_handle(check.conversation_id)
        try:
            await conversation.signal("message", check.message.with_verdict(status, workflow.now()))
        except ApplicationError:
            return False
        return True
