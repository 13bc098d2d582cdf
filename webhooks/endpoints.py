"""Endpoints: an address, what is sent there next, and how its delivery is noted.

A webhook gets events of the feed (`webhooks.feed_endpoint`), a topic the items of streamed chats (`webhooks.topic_endpoint`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from configuration.schema.webhooks import ReceiverSettings
from store.webhooks import Delivery, StoredWebhook
from webhooks.deliveries import OutgoingRequest


class Page(Protocol):
    """What comes next. It can have nothing to send: what there was is not wanted."""

    @property
    def to_send(self) -> Sequence[OutgoingRequest]:
        """The requests to send, in order for each conversation."""
        ...

    async def record_progress(self, done: Collection[str], deliveries: Sequence[Delivery]) -> None:
        """Store which of it, by id, needs no delivery any more, and what the deliveries were. The rest is in the next page."""
        ...


class Endpoint(Protocol):
    """An address, and what is sent there."""

    @property
    def settings(self) -> ReceiverSettings:
        """Where it is, and what signs."""
        ...

    async def has_more(self, webhook: StoredWebhook) -> bool:
        """Whether there is a page. Only reads."""
        ...

    async def page(self, webhook: StoredWebhook, limit: int) -> Page | None:
        """Return the next page, with at most `limit` to send; None when there is none. For the holder of the lease."""
        ...
