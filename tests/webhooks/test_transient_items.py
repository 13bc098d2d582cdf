"""Typing and receipts of streamed chats: what a slow topic costs the others."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from domain.webhooks import WebhookState
from runtime.bus import Announcement, LocalBus, stream_has_changed
from store.database import Database
from store.feed import FeedPosition
from store.webhooks import StoredWebhook, WebhookKey
from tests.webhooks.receiver import SECRET
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.receivers import ReceiverAnswer, Receivers
from webhooks.streamed_chats import StreamedChats
from webhooks.transient_items import MAX_IN_FLIGHT, TransientItems
from wire.frames import transient_event

SLOW, QUICK = (WebhookKey("demo", f"arn:aws:sns:us-east-1:123456789012:{name}") for name in ("slow", "quick"))
SLOW_URL, QUICK_URL = "https://slow.example/", "https://quick.example/"
TYPING = "application/vnd.amazonaws.connect.event.typing"


class SlowReceivers(Receivers):
    """One of two receivers answers when it is released."""

    def __init__(self) -> None:
        super().__init__(hosts=(), loopback=True)
        self.sent: list[str] = []
        self.released = asyncio.Event()
        self.quick_has_something = asyncio.Event()

    async def post(self, url: str, body: bytes, headers: Any) -> ReceiverAnswer:
        self.sent.append(url)
        if url == QUICK_URL:
            self.quick_has_something.set()
        else:
            await self.released.wait()
        return ReceiverAnswer(200, "")


async def take(key: WebhookKey, now: datetime) -> StoredWebhook:
    """The lease is always that of this process."""
    return StoredWebhook(FeedPosition(), WebhookState.SENDING, now, "process", now)


async def test_slow_topic_takes_no_room_of_others(db: Database) -> None:
    topics = {key.name: {"url": url, "secrets": [SECRET]} for key, url in ((SLOW, SLOW_URL), (QUICK, QUICK_URL))}
    instance = {"workstreams": {"live": {"mode": "live", "queue": "live"}}, "topics": topics}
    instances = {"demo": InstanceSettings.model_validate(instance)}
    bus, chats, receivers = LocalBus(), StreamedChats(db), SlowReceivers()
    bus.subscribe(chats.receive)
    endpoints = ConfiguredEndpoints(db, Configuration(instances, db, bus), chats)
    items = TransientItems(db, bus, endpoints, chats, receivers, take)

    async def type_in(chat: str) -> None:
        frame = transient_event(TYPING, conversation_id=chat, contact_id=chat)
        await bus.announce(Announcement(chat, frame))

    for key in (SLOW, QUICK):
        await bus.announce(stream_has_changed(*key, f"chat of {key.name}", "stream"))
    for _ in range(2 * MAX_IN_FLIGHT):
        await type_in(f"chat of {SLOW.name}")
    await type_in(f"chat of {QUICK.name}")
    async with asyncio.timeout(10):
        await receivers.quick_has_something.wait()
    assert receivers.sent.count(SLOW_URL) == MAX_IN_FLIGHT
    await items.stop()
