"""Sends events to webhooks, from all workers: each webhook has one sender at a time.

An event is sent once the one before it of the same conversation is delivered. Three failures of an event hand the webhook over to
its workflow (`workflows.webhook`), which operators see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from configuration.current import Configuration
from configuration.schema.webhooks import WebhookSettings
from domain.errors import StoreUnavailable
from domain.webhooks import WebhookState
from runtime.bus import Announcement, Bus
from runtime.metrics import WorkerMetrics
from runtime.periodic import PeriodicTask, PeriodicTasks
from store.database import Database
from store.feed import FeedPosition, StoredEvent, page_of_feed
from store.webhooks import (
    Delivery,
    WebhookKey,
    delete_old_deliveries,
    find_webhook,
    move_webhook,
    set_webhook_state,
    take_webhook,
)
from webhooks.deliveries import Outgoing, deliver, outgoing
from webhooks.receivers import Receivers

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long a worker sends for a webhook without renewing its lease. It renews it before each page. As often the workflow of a
webhook that fails is looked for."""

PAGE = 300
"""How many events are sent before the position is noted. After the death of a worker at most so many are sent again."""

PAGE_TIME = timedelta(seconds=40)
"""After this time no delivery of a page begins any more. The lease lasts for the last one."""

PAUSES = (0.2, 3.0)
"""The seconds between the three attempts of a sender."""

MAX_PAUSE = 10.0
"""The longest pause for which a receiver can ask here. Its workflow takes longer ones."""

LOOK_EVERY = timedelta(seconds=1)

HandOver = Callable[[WebhookKey], Awaitable[None]]
"""Starts the workflow of a webhook that fails. Idempotent."""


class WebhookSender(PeriodicTasks):
    """The sender of a process. It looks for events after announcements of the bus, and every second."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        configuration: Configuration,
        receivers: Receivers,
        hand_over: HandOver,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._db, self._configuration, self._receivers = db, configuration, receivers
        self._hand_over = hand_over
        self._metrics = metrics or WorkerMetrics()
        self._process = uuid4().hex
        self._running: dict[WebhookKey, asyncio.Task[None]] = {}
        self._delivered: dict[WebhookKey, tuple[FeedPosition, set[str]]] = {}
        """Positions of webhooks, and the events after them that are delivered already."""
        self._handed_over: dict[WebhookKey, datetime] = {}
        """When the workflow of a webhook was last started, or found to run."""
        self._look = PeriodicTask("look for events to send to webhooks", self.look, LOOK_EVERY)
        super().__init__(self._look)
        bus.subscribe(self._wake)

    async def look(self) -> None:
        """Begin to send for each webhook for which this process does not send yet."""
        for instance, settings in self._configuration.instances.items():
            for name in settings.webhooks:
                key = WebhookKey(instance, name)
                if key not in self._running:
                    self._running[key] = asyncio.create_task(self._run(key), name=f"webhook {name}")

    async def stop(self) -> None:
        """Stop sending. A delivery that is under way is broken off, and comes again."""
        await super().stop()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self, announcement: Announcement) -> None:
        if announcement.transcript_has_grown or announcement.record_changed:
            self._look.wake()

    async def _run(self, key: WebhookKey) -> None:
        try:
            while (settings := self._settings(key)) and await self._send_page(key, settings):
                pass
        except StoreUnavailable:
            pass  # the store itself logs that it is away
        except Exception:
            logger.exception("cannot send to the webhook %s of %s now", key.name, key.instance)
        finally:
            del self._running[key]

    def _settings(self, key: WebhookKey) -> WebhookSettings | None:
        instance = self._configuration.instances.get(key.instance)
        return instance.webhooks.get(key.name) if instance else None

    async def _send_page(self, key: WebhookKey, settings: WebhookSettings) -> bool:
        """Send the next events. Returns whether there can be more at once."""
        now = datetime.now(UTC)
        if not await self._has_work(key, now):
            return False
        webhook = await take_webhook(self._db, key, self._process, now + LEASE, now)
        if webhook is None or webhook.state is not WebhookState.SENDING:
            return False
        page = await page_of_feed(self._db, key.instance, webhook.position, PAGE)
        if not page:
            return False
        known = self._known(key, webhook.position)
        sent = [each for each in await outgoing(self._db, settings, page) if each.event.id not in known]
        deliveries, failed = await self._send_all(settings, sent, now + PAGE_TIME)
        known.update(each.event_id for each in deliveries if each.is_done)
        after = _end_of_delivered(page, [each.event for each in sent if each.event.id not in known], webhook.position)
        self._delivered[key] = after, known if after != page[-1].position else set()
        await move_webhook(self._db, key, webhook.position, after, deliveries)
        await delete_old_deliveries(self._db, key)
        if failed:
            logger.warning("the webhook %s of %s fails: %s", key.name, key.instance, failed.answer.split("\n")[0])
            await self._hand_over(key)
            await set_webhook_state(self._db, key, WebhookState.FAILING, datetime.now(UTC))
        return not failed

    async def _has_work(self, key: WebhookKey, now: datetime) -> bool:
        """Whether to take the lease. It only reads: most looks find nothing, and a write would wait for those of messages."""
        webhook = await find_webhook(self._db, key)
        if webhook is None:
            return True  # it begins now
        if not webhook.is_free_for(self._process, now):
            return False
        if webhook.state is WebhookState.SENDING:
            return bool(await page_of_feed(self._db, key.instance, webhook.position, 1))
        # an operator can have ended its workflow
        if now - max(webhook.since, self._handed_over.get(key, webhook.since)) > LEASE:
            self._handed_over[key] = now
            await self._hand_over(key)
        return False

    def _known(self, key: WebhookKey, position: FeedPosition) -> set[str]:
        """The events after a position that are delivered already. A replay moves the webhook, and sends them again."""
        at, known = self._delivered.get(key, (position, set()))
        return known if at == position else set()

    async def _send_all(
        self, settings: WebhookSettings, sent: Sequence[Outgoing], until: datetime
    ) -> tuple[list[Delivery], Delivery | None]:
        """Send events: those of a conversation one after the other, and of several at the same time.

        Returns:
            All attempts, and one that failed for the last time; None when there is none.
        """
        conversations: dict[str, list[Outgoing]] = {}
        for each in sent:
            conversations.setdefault(each.event.conversation_id, []).append(each)
        free = asyncio.Semaphore(settings.max_in_flight)
        attempts: list[Delivery] = []
        failures: list[Delivery] = []

        async def send(own: Sequence[Outgoing]) -> None:
            for each in own:
                async with free:
                    if failures or datetime.now(UTC) > until:
                        return
                    if failure := await self._send(settings, each, attempts):
                        failures.append(failure)
                        return

        await asyncio.gather(*map(send, conversations.values()))
        return attempts, failures[0] if failures else None

    async def _send(self, settings: WebhookSettings, sent: Outgoing, attempts: list[Delivery]) -> Delivery | None:
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


def _end_of_delivered(page: Sequence[StoredEvent], missing: Sequence[StoredEvent], start: FeedPosition) -> FeedPosition:
    """The position of the last event before all missing ones; `start` when there is none."""
    done = [event for event in page if not missing or event.position < missing[0].position]
    return done[-1].position if done else start


async def next_event(db: Database, key: WebhookKey, settings: WebhookSettings, after: FeedPosition) -> Outgoing | None:
    """Return the next event that a webhook wants, after a position; None when there is none."""
    while page := await page_of_feed(db, key.instance, after, PAGE):
        if found := await outgoing(db, settings, page):
            return found[0]
        after = page[-1].position
    return None
