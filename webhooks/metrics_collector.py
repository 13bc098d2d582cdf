"""Figures of the feed and of webhooks for the metrics: how far readers are behind. Read at most once in `LOOK_SECONDS`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from configuration.current import Configuration
from store.database import Database
from store.feed import oldest_hidden_event, page_of_feed
from store.webhooks import WebhookKey, find_webhook

LOOK_SECONDS = 5.0
"""How old the figures may be. So many scrapes cost as little as one."""


class FeedMetricsCollector(Collector):
    """The figures of all instances. Every API process has the same, so a query takes their maximum, not their sum."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db, self._configuration = db, configuration
        self._lock = asyncio.Lock()
        self._looked_at = float("-inf")
        self._hidden: dict[str, datetime | None] = {}
        self._undelivered: dict[WebhookKey, datetime | None] = {}

    async def look(self) -> None:
        """Read the figures, unless they are new. After a failure there are none."""
        async with self._lock:
            if monotonic() - self._looked_at < LOOK_SECONDS:
                return
            self._hidden, self._undelivered = {}, {}
            for name, instance in self._configuration.instances.items():
                self._hidden[name] = await oldest_hidden_event(self._db, name)
                for webhook in instance.webhooks:
                    key = WebhookKey(name, webhook)
                    self._undelivered[key] = await self._oldest_undelivered(key)
            self._looked_at = monotonic()

    async def _oldest_undelivered(self, key: WebhookKey) -> datetime | None:
        webhook = await find_webhook(self._db, key)
        after = await page_of_feed(self._db, key.instance, webhook.position, 1) if webhook else []
        return after[0].at if after else None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yields the metrics."""
        feed = GaugeMetricFamily(
            "perennial_feed_lag_seconds",
            "Age of the oldest event that an open transaction holds back from readers. 0: none.",
            labels=("tenant",),
        )
        for tenant, since in self._hidden.items():
            feed.add_metric((tenant,), _age(since))
        webhooks = GaugeMetricFamily(
            "perennial_webhook_lag_seconds",
            "Age of the oldest event that is not delivered. 0: all are.",
            labels=("tenant", "webhook"),
        )
        for key, since in self._undelivered.items():
            webhooks.add_metric(key, _age(since))
        return feed, webhooks


def _age(since: datetime | None) -> float:
    return max((datetime.now(UTC) - since).total_seconds(), 0.0) if since else 0.0
