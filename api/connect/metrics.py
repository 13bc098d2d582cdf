"""How a contact stands in its queue: GetContactMetrics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request

from api.connect.caller import Authenticated
from api.connect.contacts import contact_arn
from api.paths import resource_id
from api.services import Parts, Services
from api.settled import recent_contact
from api.wire import InstanceId, Text, Wire, read_body
from domain.errors import MalformedRequest, NotFound
from store.board import queues
from store.database import Database
from store.records import Contact, Conversation
from store.supervising import queued

router = APIRouter()

PLACED_WITHIN = 2.0
"""Seconds after which a chat that has just begun stands in its queue."""


class Metric(Wire):
    """A metric to be told."""

    name: Literal["POSITION_IN_QUEUE", "ESTIMATED_WAIT_TIME"]


class GetContactMetrics(Wire):
    """POST /metrics/contact."""

    instance_id: InstanceId
    contact_id: Annotated[Text, MinLen(1), MaxLen(256)]
    metrics: Annotated[list[Metric], MinLen(1), MaxLen(100)]


@router.post("/metrics/contact")
async def get_contact_metrics(request: Request, parts: Parts, caller: Authenticated) -> dict[str, Any]:
    """GetContactMetrics, of a contact that waits in its queue. A wait that nothing can be said of is left out."""
    body = await read_body(request, GetContactMetrics)
    instance, _ = parts.instance(body.instance_id, caller.instances)
    contact_id = resource_id(body.contact_id)
    found = await recent_contact(parts, instance, contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {contact_id!r}.")
    position, since = await _place(parts, *found)
    values = {"POSITION_IN_QUEUE": float(position)}
    queue = found[0].queue or found[1].queue
    wait = await estimated_wait(parts.db, instance, queue, since, datetime.now(UTC))
    if wait is not None:
        values["ESTIMATED_WAIT_TIME"] = wait.total_seconds()
    return {
        "MetricResults": [
            {"Name": metric.name, "Value": {"Number": values[metric.name]}}
            for metric in body.metrics
            if metric.name in values
        ],
        "Id": contact_id,
        "Arn": contact_arn(instance, contact_id),
    }


async def estimated_wait(db: Database, instance: str, queue: str, since: datetime, now: datetime) -> timedelta | None:
    """How much longer somebody will wait: what the last 50 waited on average, less what they have waited already.

    It says nothing of who is ahead, and is never less than zero. None when nobody was taken from the queue lately.
    """
    average = await queues.average_wait(db, instance, queue, now - queues.LATELY)
    return None if average is None else max(average - (now - since), timedelta())


async def _place(parts: Services, contact: Contact, conversation: Conversation) -> tuple[int, datetime]:
    """The contact's place, from 1 on, and since when it waits. What is offered to somebody has nobody ahead.

    Raises:
        MalformedRequest: it does not wait.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PLACED_WITHIN
    while contact.ended_at is None and conversation.state == "OPEN" and clock.time() < deadline:
        ahead, waits = await queues.position(parts.db, conversation.id), await queued(parts.db, conversation.id)
        if waits and (ahead is not None or waits[1]):
            return (ahead or 0) + 1, waits[0]
        await asyncio.sleep(0.05)
    raise MalformedRequest("ContactId: the contact is not in a queue.")
