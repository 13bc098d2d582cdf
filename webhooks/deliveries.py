"""Deliveries of events to one webhook: the body, the attempt, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, NamedTuple

from configuration.schema.webhooks import WebhookSettings
from domain.webhooks import WebhookFormat
from store.database import Database
from store.feed import StoredEvent
from store.webhooks import Delivery
from webhooks.receivers import Receivers
from webhooks.signatures import signed_headers
from wire.cloud_events import TEST, cloud_event_of_test, cloud_events
from wire.contact_events import contact_event_of_test, contact_events

GONE = 410
"""With this status a receiver wants no more events (Standard Webhooks)."""


class Outgoing(NamedTuple):
    """An event and the body that carries it."""

    event: StoredEvent
    body: bytes


class Attempt(NamedTuple):
    """An attempt to deliver. `retry_after`: for how many seconds the receiver asks; None when it does not."""

    delivery: Delivery
    retry_after: float | None

    @property
    def is_last(self) -> bool:
        """Whether the receiver wants no more."""
        return self.delivery.status == GONE


async def outgoing(db: Database, settings: WebhookSettings, events: Sequence[StoredEvent]) -> list[Outgoing]:
    """Return those events that a webhook wants, with their bodies."""
    wanted = [event for event in events if event.type in settings.wanted]
    shapes_of = contact_events if settings.format is WebhookFormat.EVENTBRIDGE else cloud_events
    shapes = await shapes_of(db, wanted, with_content=settings.content)
    return [Outgoing(event, _json(shape)) for event, shape in zip(wanted, shapes, strict=True)]


async def deliver(receivers: Receivers, settings: WebhookSettings, sent: Outgoing) -> Attempt:
    """Try once to deliver an event. Raises nothing."""
    event = sent.event
    return await _send(receivers, settings, sent.body, (event.conversation_id, event.id, event.type))


async def deliver_test(
    receivers: Receivers, settings: WebhookSettings, instance: str, event_id: str, at: datetime
) -> Delivery:
    """Try once to deliver an event that says nothing. Raises nothing."""
    shape_of = contact_event_of_test if settings.format is WebhookFormat.EVENTBRIDGE else cloud_event_of_test
    shape = shape_of(instance, event_id, at)
    return (await _send(receivers, settings, _json(shape), ("", event_id, TEST))).delivery


async def _send(receivers: Receivers, settings: WebhookSettings, body: bytes, subject: tuple[str, str, str]) -> Attempt:
    now, began = datetime.now(UTC), perf_counter()
    answer = await receivers.post(settings.url, body, signed_headers(settings.secrets, subject[1], now, body))
    milliseconds = int((perf_counter() - began) * 1_000)
    return Attempt(Delivery(*subject, now, answer.status, milliseconds, answer.text), answer.retry_after)


def _json(shape: dict[str, Any]) -> bytes:
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
