"""Deliveries of events to one webhook: the body, the attempt, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from types import MappingProxyType
from typing import Any, NamedTuple

from configuration.schema.webhooks import ReceiverSettings, WebhookSettings
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


class OutgoingRequest(NamedTuple):
    """Something that is sent. `id`: the same for each attempt. `headers`: those besides the ones of the signature."""

    conversation_id: str
    id: str
    type: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


class DeliveryAttempt(NamedTuple):
    """An attempt to deliver. `retry_after`: for how many seconds the receiver asks; None when it does not."""

    delivery: Delivery
    retry_after: float | None

    @property
    def is_last(self) -> bool:
        """Whether the receiver wants no more."""
        return self.delivery.status == GONE


async def outgoing_requests(
    db: Database, settings: WebhookSettings, events: Sequence[StoredEvent]
) -> list[OutgoingRequest]:
    """Return those events that a webhook wants, with their bodies."""
    wanted = [event for event in events if settings.wants(event.type)]
    shapes_of = contact_events if settings.format is WebhookFormat.EVENTBRIDGE else cloud_events
    shapes = await shapes_of(db, wanted, with_content=settings.content)
    return [
        OutgoingRequest(event.conversation_id, event.id, event.type, _json(shape))
        for event, shape in zip(wanted, shapes, strict=True)
    ]


async def deliver(receivers: Receivers, settings: ReceiverSettings, sent: OutgoingRequest) -> DeliveryAttempt:
    """Try once to deliver something. Raises nothing."""
    now, began = datetime.now(UTC), perf_counter()
    headers = {**sent.headers, **signed_headers(settings.secrets, sent.id, now, sent.body)}
    answer = await receivers.post(settings.url, sent.body, headers)
    milliseconds = int((perf_counter() - began) * 1_000)
    subject = sent.conversation_id, sent.id, sent.type
    return DeliveryAttempt(Delivery(*subject, now, answer.status, milliseconds, answer.text), answer.retry_after)


async def deliver_test(
    receivers: Receivers, settings: WebhookSettings, instance: str, event_id: str, at: datetime
) -> Delivery:
    """Try once to deliver an event that says nothing. Raises nothing."""
    shape_of = contact_event_of_test if settings.format is WebhookFormat.EVENTBRIDGE else cloud_event_of_test
    shape = shape_of(instance, event_id, at)
    return (await deliver(receivers, settings, OutgoingRequest("", event_id, TEST, _json(shape)))).delivery


def _json(shape: dict[str, Any]) -> bytes:
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
