"""The endpoint of a webhook: events of the feed, after its position."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from configuration.schema.webhooks import WebhookSettings
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed
from store.webhooks import Delivery, StoredWebhook, WebhookKey, move_webhook
from webhooks.deliveries import OutgoingRequest, outgoing_requests

Remembered = dict[WebhookKey, tuple[FeedPosition, frozenset[str]]]
"""Positions of webhooks, and the events after them that are delivered already."""


class FeedPage(NamedTuple):
    """The next events of the feed. See `Page`."""

    db: Database
    key: WebhookKey
    start: FeedPosition
    events: Sequence[StoredEvent]
    to_send: Sequence[OutgoingRequest]
    known: frozenset[str]
    remembered: Remembered

    async def record_progress(self, done: Collection[str], deliveries: Sequence[Delivery]) -> None:
        """Move the webhook to the last event before all that are missing, and remember those that are done after it."""
        missing = {each.id for each in self.to_send} - set(done)
        left = [event.position for event in self.events if event.id in missing]
        before = [event.position for event in self.events if not left or event.position < left[0]]
        end = before[-1] if before else self.start
        self.remembered[self.key] = end, self.known | frozenset(done) if left else frozenset()
        await move_webhook(self.db, self.key, self.start, end, deliveries)


class FeedEndpoint(NamedTuple):
    """A webhook. See `Endpoint`."""

    db: Database
    key: WebhookKey
    settings: WebhookSettings
    remembered: Remembered

    async def has_more(self, webhook: StoredWebhook) -> bool:
        """See `Endpoint`."""
        return bool(await page_of_feed(self.db, self.key.instance, webhook.position, 1))

    async def page(self, webhook: StoredWebhook, limit: int) -> FeedPage | None:
        """See `Endpoint`. A replay moves the webhook: then what is remembered does not count, and all comes again."""
        start = webhook.position
        events = await page_of_feed(self.db, self.key.instance, start, limit)
        if not events:
            return None
        at, known = self.remembered.get(self.key, (start, frozenset[str]()))
        known = known if at == start else frozenset[str]()
        sent = [each for each in await outgoing_requests(self.db, self.settings, events) if each.id not in known]
        return FeedPage(self.db, self.key, start, events, sent, known, self.remembered)
