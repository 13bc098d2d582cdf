"""A worker with a webhook and its receiver, and what operators see of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from store.webhooks import WebhookKey, find_webhook
from tests.webhooks.receiver import SECRET, Receiver, receiving
from tests.workflows.engine import Engine, eventually
from workflows.webhook_contract import WebhookStatus, workflow_id


@asynccontextmanager
async def hooked(engine: Engine, **settings: Any) -> AsyncGenerator[tuple[Receiver, WebhookKey]]:
    """Run a worker with a webhook, and its receiver."""
    key = WebhookKey("demo", f"hook-{uuid4().hex[:8]}")
    async with receiving() as receiver:
        hook = {"url": receiver.url, "secrets": [SECRET], **settings}
        workstreams = {"live": {"mode": "live", "queue": "live"}}
        instances = {"demo": {"workstreams": workstreams, "webhooks": {key.name: hook}}}
        async with engine.worker(instances=instances):

            async def begun() -> bool | None:
                return True if await find_webhook(engine.db, key) else None

            await eventually(begun, "the webhook has its position")
            yield receiver, key


async def arrived(receiver: Receiver, conversation: str, kind: str) -> list[dict[str, Any]]:
    """The events of a conversation, once one of this type is there."""

    async def find() -> list[dict[str, Any]] | None:
        found = receiver.of(conversation)
        return found if any(event["type"] == kind for event in found) else None

    return await eventually(find, f"{kind} arrives")


def workflow_of(engine: Engine, key: WebhookKey) -> WorkflowHandle[Any, Any]:
    return engine.client.get_workflow_handle(workflow_id(*key))


async def status_of(engine: Engine, key: WebhookKey, state: str, attempts: int = 0) -> WebhookStatus:
    """What operators see, once the webhook has this state."""

    async def find() -> WebhookStatus | None:
        try:
            found = await workflow_of(engine, key).query("status", result_type=WebhookStatus)
        except RPCError:
            return None
        return found if found.state == state and found.attempts >= attempts else None

    return await eventually(find, f"the webhook is {state}")


async def fail(engine: Engine, receiver: Receiver, key: WebhookKey) -> str:
    """Have a chat, whose events cannot be delivered. Returns its id."""
    receiver.status = 500
    receiver.answer = "no room"
    chat = await engine.start(greeting="hello")
    await status_of(engine, key, "failing")
    return chat.id
