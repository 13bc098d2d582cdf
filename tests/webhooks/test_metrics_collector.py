"""The lag of the feed and of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from configuration.current import Configuration
from configuration.schema.instances import InstanceSettings
from runtime.bus import LocalBus
from store.conversations import open_conversation
from store.database import Database
from store.feed import FeedPosition, page_of_feed
from store.webhooks import WebhookKey, move_webhook, take_webhook
from tests.store.sample_records import INSTANCE, opening
from tests.webhooks.receiver import SECRET
from webhooks.metrics_collector import FeedMetricsCollector

KEY = WebhookKey(INSTANCE, "crm")


def figures(db: Database) -> FeedMetricsCollector:
    settings = {
        "workstreams": {"flow-1": {"mode": "live", "queue": "q"}},
        "webhooks": {"crm": {"url": "https://crm.example.org/", "secrets": [SECRET]}},
    }
    return FeedMetricsCollector(
        db, Configuration({INSTANCE: InstanceSettings.model_validate(settings)}, db, LocalBus())
    )


async def lags(db: Database) -> dict[str, float]:
    """The metrics by their names."""
    found = figures(db)
    await found.look()
    return {sample.name: sample.value for family in found.collect() for sample in family.samples}


async def test_webhook_lags_as_long_as_its_oldest_event_waits(db: Database) -> None:
    assert (await lags(db))["perennial_webhook_lag_seconds"] == 0
    now = datetime.now(UTC)
    webhook = await take_webhook(db, KEY, "process", now + timedelta(minutes=1), now)
    assert webhook
    await open_conversation(db, opening(started_at=now - timedelta(minutes=5)))
    assert 300 <= (await lags(db))["perennial_webhook_lag_seconds"] < 400
    last = (await page_of_feed(db, INSTANCE, FeedPosition(), 10))[-1].position
    await move_webhook(db, KEY, webhook.position, last, ())
    assert (await lags(db))["perennial_webhook_lag_seconds"] == 0


async def test_feed_lags_while_a_transaction_is_open(db: Database) -> None:
    if not db.is_postgres:
        return  # on SQLite nothing is held back
    async with db.write() as connection:
        await connection.execute(text("SELECT pg_current_xact_id()"))
        await open_conversation(db, opening("d", started_at=datetime.now(UTC) - timedelta(minutes=5)))
        assert 300 <= (await lags(db))["perennial_feed_lag_seconds"] < 400
    assert (await lags(db))["perennial_feed_lag_seconds"] == 0
