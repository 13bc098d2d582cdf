"""Figures of routing for the metrics: queue lengths, oldest waits, and agents by status. Read at most once in `LOOK_SECONDS`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from configuration.current import Configuration
from domain.routing import AgentStatus
from routing.agents import agents_by_status
from routing.supervision import queue_lengths
from store.database import Database

LOOK_SECONDS = 5.0
"""How old the figures may be. So many scrapes cost as little as one."""


class RoutingMetricsCollector(Collector):
    """The figures of all instances. Every API process has the same, so a query takes their maximum, not their sum."""

    def __init__(self, db: Database, configuration: Configuration) -> None:
        self._db = db
        self._configuration = configuration
        self._lock = asyncio.Lock()
        self._looked_at = float("-inf")
        self._queues: dict[tuple[str, str], tuple[int, datetime | None]] = {}
        self._agents: dict[tuple[str, str], int] = {}

    async def look(self) -> None:
        """Read the figures, unless they are new. After a failure there are none."""
        async with self._lock:
            if monotonic() - self._looked_at < LOOK_SECONDS:
                return
            self._queues, self._agents = {}, {}
            for name, instance in self._configuration.instances.items():
                found: dict[str, tuple[int, datetime | None]] = dict.fromkeys(instance.queue_names, (0, None))
                for queue, (count, since) in (await queue_lengths(self._db, name)).items():
                    label = instance.label_of_queue(queue)
                    more, earlier = found.get(label, (0, None))
                    found[label] = count + more, min(filter(None, (since, earlier)))
                self._queues |= {(name, queue): figures for queue, figures in found.items()}
                counts = await agents_by_status(self._db, name)
                self._agents |= {(name, status): counts.get(status, 0) for status in AgentStatus}
            self._looked_at = monotonic()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yields the metrics."""
        length = GaugeMetricFamily(
            "perennial_queue_length", "Contacts that wait in a queue, without those that are offered.", labels=_QUEUE
        )
        oldest = GaugeMetricFamily(
            "perennial_queue_oldest_wait_seconds",
            "How long the oldest of them waits. 0: the queue is empty.",
            labels=_QUEUE,
        )
        now = datetime.now(UTC)
        for labels, (count, since) in self._queues.items():
            length.add_metric(labels, count)
            oldest.add_metric(labels, max((now - since).total_seconds(), 0.0) if since else 0.0)
        agents = GaugeMetricFamily(
            "perennial_agents", "Configured agents by their status.", labels=("tenant", "status")
        )
        for labels, count in self._agents.items():
            agents.add_metric(labels, count)
        return length, oldest, agents


_QUEUE = ("tenant", "queue")
