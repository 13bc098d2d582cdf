"""GetContactMetrics: position of a contact in its queue, and the estimated wait."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.contact_lookup import find_contact_after_writes
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import resource_id
from domain.errors import MalformedRequest, NotFound
from routing import queues
from routing.supervision import queued_since
from store.database import Database
from store.records import StoredContact, StoredConversation
from wire.arns import contact_arn
from wire.models import Text, WireModel

router = APIRouter(route_class=DescribedRoute)

PLACEMENT_TIMEOUT = 2.0
"""Seconds to wait for a new chat to appear in its queue."""


class Metric(WireModel):
    """A metric to return."""

    name: Literal["POSITION_IN_QUEUE", "ESTIMATED_WAIT_TIME"]


class GetContactMetrics(WireModel):
    """POST /metrics/contact."""

    instance_id: Annotated[Text, MinLen(1), MaxLen(250)]
    """Longer than in other operations: so AWS has it for ARNs."""
    contact_id: Annotated[Text, MinLen(1), MaxLen(256)]
    metrics: Annotated[list[Metric], MinLen(1), MaxLen(100)]


@router.post("/metrics/contact")
async def get_contact_metrics(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[GetContactMetrics]
) -> dict[str, Any]:
    """GetContactMetrics of a contact in a queue. Leaves the wait time out if there is no estimate."""
    instance, _ = services.instance(body.instance_id, caller.instances)
    contact_id = resource_id(body.contact_id)
    found = await find_contact_after_writes(services, instance, contact_id)
    if found is None:
        raise NotFound(f"ContactId: instance {instance!r} has no contact {contact_id!r}.")
    position, since = await _position(services, *found)
    values = {"POSITION_IN_QUEUE": float(position)}
    queue = found[0].queue or found[1].queue
    wait = await estimated_wait(services.db, instance, queue, since, datetime.now(UTC))
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
    """Estimate the remaining wait: the average wait of the last 50 assigned contacts, less the wait until now.

    Does not consider the contacts ahead. Never negative. None if no contact was assigned within `WAIT_WINDOW`.
    """
    average = await queues.average_wait(db, instance, queue, now - queues.WAIT_WINDOW)
    return None if average is None else max(average - (now - since), timedelta())


async def _position(
    services: Services, contact: StoredContact, conversation: StoredConversation
) -> tuple[int, datetime]:
    """Return the contact's position, from 1, and the start of its wait. A contact that is offered to an agent is first.

    Raises:
        MalformedRequest: the contact is not in a queue.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PLACEMENT_TIMEOUT
    while contact.ended_at is None and conversation.state == "OPEN" and clock.time() < deadline:
        ahead, waits = (
            await queues.contacts_ahead(services.db, conversation.id),
            await queued_since(services.db, conversation.id),
        )
        if waits and (ahead is not None or waits[1]):
            return (ahead or 0) + 1, waits[0]
        await asyncio.sleep(0.05)
    raise MalformedRequest("ContactId: the contact is not in a queue.")
