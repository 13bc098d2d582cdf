"""Sends to webhooks and topics, from all workers: each has one sender at a time.

An event is sent once the one before it of the same conversation is delivered. Three failures of an event hand the webhook over to
its workflow (`workflows.webhook`), which operators see. All of it holds for the items of a topic, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import uuid4

from configuration.schema.webhooks import ReceiverSettings
from domain.errors import StoreUnavailable
from domain.webhooks import WebhookState
from runtime.bus import STREAMS, Announcement, Bus
from runtime.metrics import WorkerMetrics
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database
from store.webhooks import (
    Delivery,
    StoredWebhook,
    WebhookKey,
    delete_old_deliveries,
    find_webhook,
    release_webhooks,
    set_webhook_state,
    take_webhook,
)
from webhooks.configured_endpoints import ConfiguredEndpoints
from webhooks.deliveries import OutgoingRequest, deliver
from webhooks.endpoints import Endpoint
from webhooks.receivers import Receivers
from webhooks.streamed_chats import StreamedChats

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
"""How long a worker may send without renewing its lease. After the death of a worker, another one sends after this time."""

RENEWALS = 3
"""How often a lease is renewed in its time while a page is sent."""

WORKFLOW_LOOK = timedelta(seconds=15)
"""How often the workflow of a webhook that fails is started, unless it runs. It is gone when an operator has ended it, or when
the hand-over met a run that was about to end."""

PAGE = 300
"""How many events are sent before the position is noted. After the death of a worker at most so many are sent again."""

PAGE_TIME = timedelta(seconds=40)
"""After this time no delivery of a page begins any more."""

PAUSES = (0.2, 3.0)
"""The seconds between the three attempts of a sender."""

MAX_PAUSE = 10.0
"""The longest pause for which a receiver can ask here. Its workflow takes longer ones."""

LOOK_EVERY = timedelta(seconds=1)

IDLE_PAUSE_SECONDS = 0.05
"""How long an endpoint without anything to send is not looked at. Each message of any chat asks for a look at all endpoints."""

HandOver = Callable[[WebhookKey], Awaitable[None]]
"""Starts the workflow of a webhook that fails. Idempotent."""


class WebhookSender(PeriodicTasks):
    """The sender of a process. It looks for events after announcements of the bus, and every second."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        endpoints: ConfiguredEndpoints,
        chats: StreamedChats,
        receivers: Receivers,
        hand_over: HandOver,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._db, self._endpoints, self._chats = db, endpoints, chats
        self._receivers, self._hand_over = receivers, hand_over
        self._metrics = metrics or WorkerMetrics()
        self._process = uuid4().hex
        self._running: dict[WebhookKey, asyncio.Task[None]] = {}
        self._leases: dict[WebhookKey, datetime] = {}
        """Until when this process may send."""
        self._handed_over: dict[WebhookKey, datetime] = {}
        """When the workflow of a webhook was last started, or found to run."""
        self._paused_until: dict[WebhookKey, float] = {}
        self._resume_timer: asyncio.TimerHandle | None = None
        """The look after the rest of some endpoints."""
        self._look = PeriodicTask("look for events to send to webhooks", self.look, LOOK_EVERY)
        super().__init__(self._look)
        bus.subscribe(self._wake)

    async def look(self) -> None:
        """Begin to send to each endpoint to which this process does not send yet."""
        now, rests = monotonic(), 0.0
        for key in self._endpoints:
            if key in self._running:
                continue
            if (rest := self._paused_until.get(key, now) - now) > 0:
                rests = max(rests, rest)
            else:
                self._running[key] = asyncio.create_task(self._run(key), name=f"webhook {key.name}")
        if rests and self._resume_timer is None:
            self._resume_timer = asyncio.get_running_loop().call_later(rests, self._end_pause)

    async def stop(self) -> None:
        """Stop sending, and let other workers send. A delivery that is under way is broken off, and comes again."""
        await super().stop()
        if self._resume_timer:
            self._resume_timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreUnavailable):
            await release_webhooks(self._db, self._process, datetime.now(UTC))

    def _end_pause(self) -> None:
        self._resume_timer = None
        self._look.wake()

    def _wake(self, announcement: Announcement) -> None:
        self._chats.receive(announcement)
        if announcement.transcript_has_grown or announcement.record_changed or announcement.conversation_id == STREAMS:
            self._look.wake()

    async def _run(self, key: WebhookKey) -> None:
        try:
            while (endpoint := self._endpoints.find(key)) and await self._send_page(key, endpoint):
                pass
        except StoreUnavailable:
            pass  # the store itself logs that it is away
        except Exception:
            logger.exception("cannot send to the webhook %s of %s now", key.name, key.instance)
        finally:
            self._paused_until[key] = monotonic() + IDLE_PAUSE_SECONDS
            del self._running[key]

    async def _send_page(self, key: WebhookKey, endpoint: Endpoint) -> bool:
        """Send what comes next. Returns whether there can be more at once."""
        now = datetime.now(UTC)
        if not await self._has_work(key, endpoint, now):
            return False
        webhook = await self.take(key, now)
        page = await endpoint.page(webhook, PAGE) if webhook else None
        if page is None:
            return False
        async with self._renewed(key):
            deliveries, failed = await self._send_all(
                endpoint.settings, page.to_send, lambda: datetime.now(UTC) < min(now + PAGE_TIME, self._leases[key])
            )
        await page.record_progress({each.event_id for each in deliveries if each.is_done}, deliveries)
        await delete_old_deliveries(self._db, key)
        if failed:
            # an answer can quote the event, and so the words of a person
            reason = f"it answers {failed.status}" if failed.status else failed.answer
            logger.warning("the webhook %s of %s fails: %s", key.name, key.instance, reason)
            # the state first: the workflow can succeed, and give the webhook back, at once
            await set_webhook_state(self._db, key, WebhookState.FAILING, datetime.now(UTC))
            await self._hand_over(key)
        return not failed

    async def take(self, key: WebhookKey, now: datetime) -> StoredWebhook | None:
        """Take the lease of an endpoint, or renew it. Returns None when nothing may be sent from here."""
        webhook = await take_webhook(self._db, key, self._process, now + LEASE, now)
        if webhook:
            self._leases[key] = now + LEASE
        return webhook if webhook and webhook.state is WebhookState.SENDING else None

    @asynccontextmanager
    async def _renewed(self, key: WebhookKey) -> AsyncGenerator[None]:
        """Renew the lease for the time of the block. If that fails, it ends, and no further delivery begins."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / RENEWALS)
                with suppress(StoreUnavailable):
                    await self.take(key, datetime.now(UTC))

        renewal = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewal.cancel()

    async def _has_work(self, key: WebhookKey, endpoint: Endpoint, now: datetime) -> bool:
        """Whether to take the lease. It only reads: most looks find nothing, and a write would wait for those of messages."""
        webhook = await find_webhook(self._db, key)
        if webhook is None:
            return True  # it begins now
        if not webhook.is_free_for(self._process, now):
            return False
        if webhook.state is WebhookState.SENDING:
            return await endpoint.has_more(webhook)
        # its workflow can be gone
        if now - max(webhook.since, self._handed_over.get(key, webhook.since)) > WORKFLOW_LOOK:
            self._handed_over[key] = now
            await self._hand_over(key)
        return False

    async def _send_all(
        self, settings: ReceiverSettings, sent: Sequence[OutgoingRequest], may_send: Callable[[], bool]
    ) -> tuple[list[Delivery], Delivery | None]:
        """Send events: those of a conversation one after the other, and of several at the same time, while `may_send` is true.

        Returns:
            All attempts, and one that failed for the last time; None when there is none.
        """
        conversations: dict[str, list[OutgoingRequest]] = {}
        for each in sent:
            conversations.setdefault(each.conversation_id, []).append(each)
        free = asyncio.Semaphore(settings.max_in_flight)
        attempts: list[Delivery] = []
        failures: list[Delivery] = []

        async def send(own: Sequence[OutgoingRequest]) -> None:
            for each in own:
                async with free:
                    if failures or not may_send():
                        return
                    if failure := await self._send(settings, each, attempts):
                        failures.append(failure)
                        return

        await asyncio.gather(*map(send, conversations.values()))
        return attempts, failures[0] if failures else None

    async def _send(
        self, settings: ReceiverSettings, sent: OutgoingRequest, attempts: list[Delivery]
    ) -> Delivery | None:
        """Send one event, with three attempts. Returns the last one if it failed."""
        pauses = iter(PAUSES)
        while True:
            attempt = await deliver(self._receivers, settings, sent)
            attempts.append(attempt.delivery)
            self._metrics.note_webhook(is_done=attempt.delivery.is_done)
            if attempt.delivery.is_done:
                return None
            pause = next(pauses, None)
            if pause is None or attempt.is_last:
                return attempt.delivery
            await asyncio.sleep(min(max(pause, attempt.retry_after or 0), MAX_PAUSE))
