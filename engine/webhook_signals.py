"""Signals to the workflow of a webhook that fails."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import ConversationEnded, EngineUnavailable
from domain.webhooks import WebhookSignal
from engine.calls import domain_error_of, with_retries
from workflows.webhook_contract import workflow_id


async def signal_webhook(client: Client, instance: str, name: str, signal: WebhookSignal) -> bool:
    """Signal the workflow of a webhook. Returns False when there is none: the webhook does not fail.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    handle = client.get_workflow_handle(workflow_id(instance, name))
    try:
        await with_retries(lambda: handle.signal(signal))
    except RPCError as error:
        fault = domain_error_of(error)
        if isinstance(fault, ConversationEnded):
            return False
        raise EngineUnavailable from error
    return True
