"""Transfer of all contacts that wait in a queue, such as at the end of a shift. For supervisors."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from fastapi import APIRouter

from api.agent.authentication import SignedInAgent
from api.agent.requests import Queue, TransferRequest
from api.agent.responses import QueueTransferResponse
from api.agent.supervision import BySupervisor, actor_of
from api.bodies import JsonBody
from api.connect.transfers import OWN_MEMBERS, TransferTarget, require_target, transfer
from api.dependencies import Services, ServicesInRequest
from api.openapi import DescribedRoute, error_responses
from domain.errors import MalformedRequest
from routing.supervision import open_contacts
from store import conversations

router = APIRouter(
    prefix="/v1/supervision",
    tags=["supervision"],
    route_class=DescribedRoute,
    responses=error_responses(name="AccessDeniedException", message="Only a supervisor may do that."),
)

MAX_CONTACTS = 1_000
AT_ONCE = 20


@router.post("/queues/{queue}/transfer")
async def transfer_queue(
    queue: Queue, services: ServicesInRequest, supervisor: BySupervisor, body: JsonBody[TransferRequest]
) -> QueueTransferResponse:
    """Transfers the contacts that wait in a queue, the oldest first, at most 1,000. With `more`, call it again.

    A contact that cannot be transferred, because it has left the queue meanwhile, counts as `refused`.
    """
    target = TransferTarget(body.queue, body.user, OWN_MEMBERS)
    require_target(supervisor.instance_settings, target)
    if body.queue == queue:
        raise MalformedRequest("queue: the contacts wait in this queue already.")
    found = await open_contacts(services.db, supervisor.instance, state="OPEN", queue=queue, limit=MAX_CONTACTS + 1)
    places = asyncio.Semaphore(AT_ONCE)

    async def move(contact_id: str) -> bool:
        async with places:
            return await _transfer(services, supervisor, contact_id, target)

    moved = await asyncio.gather(*(move(each.contact_id) for each in found[:MAX_CONTACTS]))
    return QueueTransferResponse(
        transferred=sum(moved), refused=len(moved) - sum(moved), more=len(found) > MAX_CONTACTS
    )


async def _transfer(services: Services, supervisor: SignedInAgent, contact_id: str, target: TransferTarget) -> bool:
    found = await conversations.find_contact(services.db, supervisor.instance, contact_id)
    if found is None:
        return False
    settings, by = supervisor.instance_settings, actor_of(supervisor)
    try:
        await transfer(services, settings, *found, target, new_id=str(uuid4()), by=by)
    except MalformedRequest:
        return False
    return True
