"""The endpoint of a topic: the items of the chats that are streamed to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from configuration.schema.topics import TopicSettings
from domain.transcript import ItemType, TranscriptItem
from store.database import Database
from store.streams import Progress, StreamedItem, advance_streams
from store.webhooks import Delivery, StoredWebhook, WebhookKey
from webhooks.deliveries import OutgoingRequest
from webhooks.streamed_chats import StreamedChats
from wire.frames import CHAT_ENDED
from wire.items import item_with_contact
from wire.notifications import Notification

_NAMESPACE = UUID("c3d2b7de-58b1-5f2c-9c43-0b0d2a86e1f5")


class TopicPage(NamedTuple):
    """The next items of streamed chats. See `Page`."""

    db: Database
    key: WebhookKey
    chats: StreamedChats
    items: Sequence[StreamedItem]
    to_send: Sequence[OutgoingRequest]

    async def record_progress(self, done: Collection[str], deliveries: Sequence[Delivery]) -> None:
        """Advance each stream to its last item before the first that is missing."""
        last: dict[str, Progress] = {}
        missing: set[str] = set()
        for each, sent in zip(self.items, self.to_send, strict=True):
            if sent.id not in done:
                missing.add(each.stream_id)
            if each.stream_id not in missing:
                is_over = each.item.content_type == CHAT_ENDED
                last[each.conversation_id] = Progress(each.stream_id, each.item.seq, is_over)
        await advance_streams(self.db, self.key, last.values(), deliveries, datetime.now(UTC))
        for conversation_id, progress in last.items():
            if progress.is_over:
                self.chats.forget(self.key, conversation_id)


class TopicEndpoint(NamedTuple):
    """A topic. See `Endpoint`."""

    db: Database
    key: WebhookKey
    settings: TopicSettings
    chats: StreamedChats

    async def has_more(self, webhook: StoredWebhook) -> bool:
        """See `Endpoint`."""
        return bool(await self.chats.next_items(self.key, 1))

    async def page(self, webhook: StoredWebhook, limit: int) -> TopicPage | None:
        """See `Endpoint`."""
        items = list(_in_order(await self.chats.next_items(self.key, limit)))
        sent = [_outgoing(self.key, each) for each in items]
        return TopicPage(self.db, self.key, self.chats, items, sent) if items else None


def _in_order(found: Sequence[StreamedItem]) -> Iterator[StreamedItem]:
    """The items of one stream for each chat, up to its end. A stream that follows a stopped one waits until that is delivered."""
    streams: dict[str, str] = {}
    over: set[str] = set()
    for each in found:
        if streams.setdefault(each.conversation_id, each.stream_id) != each.stream_id or each.stream_id in over:
            continue
        if each.item.content_type == CHAT_ENDED:
            over.add(each.stream_id)
        yield each


def notified(conversation_id: str, kind: str, notification: Notification) -> OutgoingRequest:
    """Return a notification as it is sent. `kind`: what people read in the list of deliveries."""
    return OutgoingRequest(conversation_id, notification.id, kind, notification.body, notification.headers)


def _outgoing(key: WebhookKey, each: StreamedItem) -> OutgoingRequest:
    item = item_with_contact(each.item, each.conversation_id)
    id = str(uuid5(_NAMESPACE, f"{each.stream_id}/{each.item.id}"))
    return notified(
        each.conversation_id, _kind(each.item), Notification(id, each.stream_id, key.instance, key.name, item)
    )


def _kind(item: TranscriptItem) -> str:
    return item.content_type.rpartition("event.")[2] if item.type is ItemType.EVENT else item.type.value
