"""How often endpoints are looked at while others have much to send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import cast

import pytest

from configuration.schema.webhooks import WebhookSettings
from runtime.bus import Announcement, LocalBus
from store.database import Database
from store.webhooks import StoredWebhook, WebhookKey
from tests.webhooks.receiver import SECRET
from webhooks import sender
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.receivers import Receivers
from webhooks.sender import IDLE_PAUSE_SECONDS, WebhookSender
from webhooks.streamed_chats import StreamedChats

KEY = WebhookKey("demo", "crm")


class IdleEndpoint:
    """An endpoint that has nothing to send, until the end of the test."""

    settings = WebhookSettings.model_validate({"url": "https://example.org/", "secrets": [SECRET]})

    def __init__(self) -> None:
        self.looks = 0
        self.has_something = False
        self.is_asked = asyncio.Event()

    async def has_more(self, webhook: StoredWebhook) -> bool:
        self.looks += 1
        return self.has_something

    async def page(self, webhook: StoredWebhook, limit: int) -> None:
        if self.has_something:
            self.is_asked.set()


class OneEndpoint:
    """All endpoints: one that is idle."""

    def __init__(self, endpoint: IdleEndpoint) -> None:
        self._endpoint = endpoint

    def __iter__(self) -> Iterator[WebhookKey]:
        yield KEY

    def find(self, key: WebhookKey) -> IdleEndpoint:
        return self._endpoint


async def no_workflow(_: WebhookKey) -> None:
    raise AssertionError("nothing has failed")


async def test_messages_of_others_cost_an_idle_endpoint_few_looks(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LOOK_EVERY", timedelta(hours=1))
    endpoint, bus, chats = IdleEndpoint(), LocalBus(), StreamedChats(db)
    endpoints, receivers = cast("ConfiguredEndpoints", OneEndpoint(endpoint)), Receivers(hosts=(), loopback=False)
    running = WebhookSender(db, bus, endpoints, chats, receivers, no_workflow)
    await running.start()
    began = monotonic()
    for number in range(1_000):
        await bus.announce(Announcement(f"chat {number}"))
        await asyncio.sleep(0.0005)
    seconds = monotonic() - began
    assert 0 < endpoint.looks <= seconds / IDLE_PAUSE_SECONDS + 2
    endpoint.has_something = True
    await bus.announce(Announcement("chat of the endpoint"))
    async with asyncio.timeout(10):
        await endpoint.is_asked.wait()
    await running.stop()
