"""UpdateContactRoutingData: the place of a contact in its queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from annotated_types import Interval
from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.contacts import find_contact
from api.connect.metrics import PLACEMENT_TIMEOUT
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import ContactIdInPath, InstanceIdInPath
from domain.conversation import State
from domain.errors import InvalidValue, MalformedRequest
from routing.priorities import adjust_wait, set_priority
from runtime.bus import routing_has_changed
from store.records import StoredContact, StoredConversation
from wire.models import OnlyServedMembers

router = APIRouter(route_class=DescribedRoute)


class UpdateContactRoutingData(OnlyServedMembers):
    """POST /contacts/{InstanceId}/{ContactId}/routing-data."""

    queue_priority: Annotated[int, Interval(ge=1, lt=2**63)] | None = None
    queue_time_adjustment_seconds: Annotated[int, Interval(ge=-(2**31), lt=2**31)] | None = None


@router.post("/contacts/{InstanceId}/{ContactId}/routing-data")
async def update_contact_routing_data(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[UpdateContactRoutingData],
) -> dict[str, Any]:
    """UpdateContactRoutingData. It counts until another contact follows this one, as after a transfer."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, conversation = await find_contact(services, instance, contact_id)
    place = await _change_place(services, contact, conversation, _change_of(services, body))
    await services.bus.announce(routing_has_changed(*place))
    return {}


PlaceChange = Callable[[str, str], Awaitable[tuple[str, str] | None]]
"""Changes the place of a contact, by the ids of conversation and contact. Returns instance and queue; None: it has none."""


def _change_of(services: Services, body: UpdateContactRoutingData) -> PlaceChange:
    """Return the change that a request names: exactly one, as on AWS."""
    priority, seconds = body.queue_priority, body.queue_time_adjustment_seconds
    if priority is not None and seconds is not None:
        raise InvalidValue("QueuePriority and QueueTimeAdjustmentSeconds: only one of them can be given.")
    if priority is not None:
        return partial(set_priority, services.db, priority=priority)
    if seconds is not None:
        return partial(adjust_wait, services.db, seconds=seconds)
    raise MalformedRequest("QueuePriority or QueueTimeAdjustmentSeconds: one of them must be given.")


async def _change_place(
    services: Services, contact: StoredContact, conversation: StoredConversation, change: PlaceChange
) -> tuple[str, str]:
    """Change the place, and return instance and queue. A new chat appears in its queue within `PLACEMENT_TIMEOUT`.

    Raises:
        InvalidValue: the contact has no place in routing.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PLACEMENT_TIMEOUT
    while contact.ended_at is None:
        if place := await change(conversation.id, contact.id):
            return place
        if conversation.state != State.OPEN or clock.time() > deadline:
            break
        await asyncio.sleep(0.05)
    raise InvalidValue("ContactId: the contact is in no queue and with no agent.")
