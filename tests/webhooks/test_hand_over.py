"""An endpoint that fails goes to its workflow, and comes back from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from configuration.schema.webhooks import WebhookSettings
from domain.webhooks import WebhookState
from runtime.bus import LocalBus
from store.database import Database
from store.webhooks import Delivery, StoredWebhook, WebhookKey, find_webhook, set_webhook_state
from tests.webhooks.receiver import SECRET
from tests.workflows.engine import eventually
from webhooks import sender
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.deliveries import OutgoingRequest
from webhooks.receivers import Receivers
from webhooks.sender import WebhookSender
from webhooks.streamed_chats import StreamedChats

KEY = WebhookKey("demo", "crm")


class OnePage:
    """A page with one request."""

    to_send = (OutgoingRequest("c", "event", "message.created", b"{}"),)

    async def record_progress(self, done: Collection[str], deliveries: Sequence[Delivery]) -> None:
        """Nothing is delivered."""


class OneEndpoint:
    """All endpoints: one at whose address nothing listens. It has one page."""

    settings = WebhookSettings.model_validate({"url": "https://127.0.0.1:9/", "secrets": [SECRET]})

    def __init__(self) -> None:
        self._pages = [OnePage()]

    def __iter__(self) -> Iterator[WebhookKey]:
        yield KEY

    def find(self, key: WebhookKey) -> OneEndpoint:
        return self

    async def has_more(self, webhook: StoredWebhook) -> bool:
        return bool(self._pages)

    async def page(self, webhook: StoredWebhook, limit: int) -> OnePage | None:
        return self._pages.pop() if self._pages else None


async def test_workflow_that_succeeds_at_once_has_the_last_word(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PAUSES", (0.01, 0.02))
    handed_over: list[WebhookState] = []

    async def workflow(key: WebhookKey) -> None:
        found = await find_webhook(db, key)
        assert found
        handed_over.append(found.state)
        await set_webhook_state(db, key, WebhookState.SENDING, datetime.now(UTC))

    endpoints, receivers = cast("ConfiguredEndpoints", OneEndpoint()), Receivers(hosts=(), loopback=True)
    running = WebhookSender(db, LocalBus(), endpoints, StreamedChats(db), receivers, workflow)
    await running.look()

    async def is_handed_over() -> bool | None:
        return bool(handed_over) or None

    await eventually(is_handed_over, "the hand-over")
    await running.stop()
    await receivers.close()
    found = await find_webhook(db, KEY)
    assert found
    assert handed_over == [WebhookState.FAILING]
    assert found.state is WebhookState.SENDING
