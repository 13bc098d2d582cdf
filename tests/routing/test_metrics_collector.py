"""The figures of routing for the metrics: bounded labels, few reads, and nothing old after a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from configuration.current import Configuration
from configuration.schema.instances import OTHER_QUEUES, InstanceSettings
from domain.routing import AgentStatus
from routing import metrics_collector
from routing.agent_status import set_agent_status
from routing.metrics_collector import RoutingMetricsCollector
from runtime.bus import LocalBus
from store.database import Database
from tests.routing.routing_records import QUEUE, agent, enqueue, staff
from tests.store.sample_records import INSTANCE, START

CONFIGURED = {
    INSTANCE: InstanceSettings.model_validate(
        {"workstreams": {"w": {"mode": "live", "queue": QUEUE}}, "queues": {"empty": {}}}
    )
}


@pytest.fixture
def collector(db: Database) -> RoutingMetricsCollector:
    return RoutingMetricsCollector(db, Configuration(CONFIGURED, db, LocalBus()))


def values(collected: RoutingMetricsCollector, name: str) -> dict[str, float]:
    """The values of a metric by the last label."""
    [family] = [family for family in collected.collect() if family.name == name]
    return {list(sample.labels.values())[-1]: sample.value for sample in family.samples}


async def test_queues_have_their_length_and_unknown_ones_share_a_label(
    db: Database, collector: RoutingMetricsCollector
) -> None:
    await enqueue(db, "c1", "c2", "c3")
    await enqueue(db, "c4", queue="by-hand", enqueued_at=START - timedelta(minutes=1))
    await enqueue(db, "c5", queue="by-hand too")
    await collector.look()
    assert values(collector, "perennial_queue_length") == {QUEUE: 3, "empty": 0, OTHER_QUEUES: 2}
    waits = values(collector, "perennial_queue_oldest_wait_seconds")
    assert waits["empty"] == 0
    assert waits[OTHER_QUEUES] == pytest.approx(waits[QUEUE] + 60, abs=1)


async def test_agents_are_counted_by_status(db: Database, collector: RoutingMetricsCollector) -> None:
    await staff(db, agent("ann"), agent("bob"), agent("cid"))
    await set_agent_status(db, INSTANCE, "cid", AgentStatus.AWAY, START)
    await collector.look()
    assert values(collector, "perennial_agents") == {
        **dict.fromkeys(AgentStatus, 0.0),
        AgentStatus.AVAILABLE: 2,
        AgentStatus.AWAY: 1,
    }


async def test_many_looks_cost_as_little_as_one(
    db: Database, collector: RoutingMetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await collector.look()
    await enqueue(db, "c1")
    await collector.look()
    assert values(collector, "perennial_queue_length")[QUEUE] == 0
    monkeypatch.setattr(metrics_collector, "LOOK_SECONDS", 0.0)
    await collector.look()
    assert values(collector, "perennial_queue_length")[QUEUE] == 1


async def test_after_a_failure_there_are_no_figures(
    db: Database, collector: RoutingMetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueue(db, "c1")
    await collector.look()
    monkeypatch.setattr(metrics_collector, "LOOK_SECONDS", 0.0)

    async def fails(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(metrics_collector, "queue_lengths", fails)
    with pytest.raises(ConnectionError):
        await collector.look()
    assert values(collector, "perennial_queue_length") == {}
