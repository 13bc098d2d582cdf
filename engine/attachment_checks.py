"""Checks of attachments: the start of their workflow, and a short wait for the verdict."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import EngineUnavailable
from engine.calls import with_retries
from workflows.attachment_check import AttachmentCheck, CheckAttachment, check_id

VERDICT_SECONDS = 10.0
"""How long a client waits for the verdict. The check goes on without it."""


async def check(client: Client, task_queue: str, job: CheckAttachment, limit: timedelta, verdict_within: float) -> bool:
    """Have an attachment checked. Idempotent: a second call joins the first check, unless an operator has ended that.

    Returns whether there is a verdict within some seconds.

    Raises:
        EngineUnavailable: the check could not be started.
    """
    id = check_id(job.message.id or "")
    try:
        await with_retries(
            lambda: client.start_workflow(
                AttachmentCheck.run,
                job,
                id=id,
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary="attachment",
                rpc_timeout=limit,
            )
        )
    except WorkflowAlreadyStartedError:
        pass
    except RPCError as error:
        raise EngineUnavailable from error
    try:
        async with asyncio.timeout(verdict_within):
            await client.get_workflow_handle(id).result()
    except (TimeoutError, RPCError, WorkflowFailureError):
        return False
    return True
