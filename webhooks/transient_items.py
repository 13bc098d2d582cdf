"""Sends to topics what streamed chats have and no transcript: typing, receipts, notices. Best effort, one attempt for each.

It comes from the bus. Of several workers the one with the lease of the topic sends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.errors import StoreUnavailable
from domain.participants import Role
from runtime.bus import Announcement, Bus
from store.conversations import find_participant
from store.database import Database
from store.webhooks import StoredWebhook, WebhookKey
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.deliveries import deliver
from webhooks.receivers import Receivers
from webhooks.streamed_chats import StreamedChats
from webhooks.topic_endpoint import notified
from wire.frames import CHAT_ENDED
from wire.notifications import Notification, Visibility

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT = 50
"""How many of them a process sends to a topic at the same time. The others are dropped."""

ASK_EVERY = timedelta(seconds=5)
"""How long the answer to the question counts whether this process may send."""

Take = Callable[[WebhookKey, datetime], Awaitable[StoredWebhook | None]]
"""Takes the lease of a topic; None: this process may not send."""


class TransientItems:
    """Sends what the bus announces, until it is stopped."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        endpoints: ConfiguredEndpoints,
        chats: StreamedChats,
        receivers: Receivers,
        take: Take,
    ) -> None:
        self._db, self._endpoints, self._chats = db, endpoints, chats
        self._receivers, self._take = receivers, take
        self._tasks: defaultdict[WebhookKey, set[asyncio.Task[None]]] = defaultdict(set)
        self._may_send: dict[WebhookKey, tuple[datetime, bool]] = {}
        bus.subscribe(self._receive)

    async def start(self) -> None:
        """Do nothing: announcements start it."""

    async def stop(self) -> None:
        """Break off what is under way."""
        tasks = [task for own in self._tasks.values() for task in own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _receive(self, announcement: Announcement) -> None:
        frame = announcement.frame
        # the end for one participant alone is no end of the chat
        if frame is None or frame.get("ContentType") == CHAT_ENDED:
            return
        for key, stream_id in self._chats.streams_of(announcement.conversation_id).items():
            own = self._tasks[key]
            if len(own) < MAX_IN_FLIGHT:
                task = asyncio.create_task(self._send(key, stream_id, frame, announcement.only_to))
                own.add(task)
                task.add_done_callback(own.discard)

    async def _send(self, key: WebhookKey, stream_id: str, item: Mapping[str, Any], only_to: str | None) -> None:
        try:
            endpoint = self._endpoints.find(key)
            if endpoint is None or not await self._is_sender(key):
                return
            visibility = await self._visibility(only_to) if only_to else Visibility.ALL
            sent = Notification(str(uuid4()), stream_id, key.instance, key.name, item, visibility)
            kind = str(item["ContentType"]).rpartition(".")[2]
            await deliver(self._receivers, endpoint.settings, notified(item["InitialContactId"], kind, sent))
        except StoreUnavailable:
            pass  # the store itself logs that it is away
        except Exception:
            logger.exception("cannot send %s to the topic %s of %s", item["ContentType"], key.name, key.instance)

    async def _is_sender(self, key: WebhookKey) -> bool:
        now = datetime.now(UTC)
        asked_at, answer = self._may_send.get(key, (now - ASK_EVERY, False))
        if now - asked_at >= ASK_EVERY:
            answer = await self._take(key, now) is not None
            self._may_send[key] = now, answer
        return answer

    async def _visibility(self, participant_id: str) -> Visibility:
        found = await find_participant(self._db, participant_id)
        return Visibility.CUSTOMER if found and found[0].role == Role.CUSTOMER else Visibility.AGENT
