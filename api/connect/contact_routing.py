"""UpdateContactRoutingData: the priority of a contact in its queue."""

from __future__ import annotations

import asyncio
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
from routing.priorities import set_priority
from runtime.bus import routing_has_changed
from store.records import StoredContact, StoredConversation
from wire.models import OnlyServedMembers

router = APIRouter(route_class=DescribedRoute)


class UpdateContactRoutingData(OnlyServedMembers):
    """POST /contacts/{InstanceId}/{ContactId}/routing-data."""

    queue_priority: Annotated[int, Interval(ge=1, lt=2**63)] | None = None


@router.post("/contacts/{InstanceId}/{ContactId}/routing-data")
async def update_contact_routing_data(
    instance_id: InstanceIdInPath,
    contact_id: ContactIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[UpdateContactRoutingData],
) -> dict[str, Any]:
    """UpdateContactRoutingData. The priority counts until another contact follows this one, as after a transfer."""
    instance, _ = services.instance(instance_id, caller.instances)
    contact, conversation = await find_contact(services, instance, contact_id)
    if body.queue_priority is None:
        raise MalformedRequest("QueuePriority: is missing.")
    place = await _set_priority(services, contact, conversation, body.queue_priority)
    await services.bus.announce(routing_has_changed(*place))
    return {}


async def _set_priority(
    services: Services, contact: StoredContact, conversation: StoredConversation, priority: int
) -> tuple[str, str]:
    """Set the priority, and return instance and queue. A new chat appears in its queue within `PLACEMENT_TIMEOUT`.

    Raises:
        InvalidValue: the contact has no place in routing.
    """
    clock = asyncio.get_running_loop()
    deadline = clock.time() + PLACEMENT_TIMEOUT
    while contact.ended_at is None:
        if place := await set_priority(services.db, conversation.id, contact.id, priority):
            return place
        if conversation.state != State.OPEN or clock.time() > deadline:
            break
        await asyncio.sleep(0.05)
    raise InvalidValue("ContactId: the contact is in no queue and with no agent.")
