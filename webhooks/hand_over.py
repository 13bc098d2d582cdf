"""Hands a webhook that fails over to its workflow."""

from __future__ import annotations

import logging

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from store.webhooks import WebhookKey
from workflows.webhook_contract import WORKFLOW, FailingWebhook, workflow_id

logger = logging.getLogger(__name__)


async def hand_over(client: Client, task_queue: str, key: WebhookKey) -> None:
    """Start the workflow of a webhook. Idempotent. When the engine is away, the sender comes again."""
    try:
        await client.start_workflow(
            WORKFLOW,
            FailingWebhook(instance=key.instance, name=key.name),
            id=workflow_id(key.instance, key.name),
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"webhook {key.name} of {key.instance}",
        )
    except RPCError as problem:
        logger.warning(
            "the workflow of the webhook %s of %s is not started: %s", key.name, key.instance, problem.message
        )
