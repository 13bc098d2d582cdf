"""PutUserStatus and DismissUserContact: a backend sets the status of an agent, or clears their desk of a contact."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request

from api.agent.agent_status import change_agent_status
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.connect.authentication import ByAgentsKey
from api.connect.contacts import find_contact
from api.connect.users import require_user
from api.dependencies import ServicesInRequest
from api.paths import InstanceIdInPath, UserIdInPath, resource_id
from api.refusals import execute_or_raise
from domain.conversation import State
from domain.errors import MalformedRequest, NotFound
from domain.events import Close
from domain.routing import AgentStatus
from wire.models import ContactId, Text, WireModel

router = APIRouter(route_class=AuditedRoute)


class PutUserStatus(WireModel):
    """PUT /users/{InstanceId}/{UserId}/status."""

    agent_status_id: Annotated[Text, MinLen(1), MaxLen(256)]


class DismissUserContact(WireModel):
    """POST /users/{InstanceId}/{UserId}/contact."""

    contact_id: ContactId


@router.put("/users/{InstanceId}/{UserId}/status")
async def put_user_status(
    request: Request,
    instance_id: InstanceIdInPath,
    user_id: UserIdInPath,
    services: ServicesInRequest,
    caller: ByAgentsKey,
    body: JsonBody[PutUserStatus],
) -> dict[str, Any]:
    """PutUserStatus. An agent with active contacts gets the status when no contact uses their capacity any more."""
    instance, settings = services.instance(instance_id, caller.instances)
    user, status = resource_id(user_id), resource_id(body.agent_status_id)
    begin_audit(request, instance, caller.actor).target = f"agents/{user}"
    require_user(instance, settings, user)
    if status not in list(AgentStatus):
        raise NotFound(f"AgentStatusId: there is no status {status!r}; there are {', '.join(AgentStatus)}.")
    await change_agent_status(services, instance, user, AgentStatus(status), when_free=True)
    return {}


@router.post("/users/{InstanceId}/{UserId}/contact")
async def dismiss_user_contact(
    request: Request,
    instance_id: InstanceIdInPath,
    user_id: UserIdInPath,
    services: ServicesInRequest,
    caller: ByAgentsKey,
    body: JsonBody[DismissUserContact],
) -> dict[str, Any]:
    """DismissUserContact: closes the wrap-up of an ended contact. A missed or rejected one holds nothing, so nothing happens."""
    instance, settings = services.instance(instance_id, caller.instances)
    user = resource_id(user_id)
    audited = begin_audit(request, instance, caller.actor)
    require_user(instance, settings, user)
    contact, conversation = await find_contact(services, instance, body.contact_id)
    audited.target = f"agents/{user}/contacts/{contact.id}"
    if contact.agent_user != user:
        return {}
    if contact.ended_at is None:
        raise MalformedRequest("ContactId: the agent has this contact now; it can be dismissed after its end.")
    if conversation.state == State.WRAP_UP and contact.wrapped_up_at is None:
        await execute_or_raise(services.engine, conversation.id, Close(by=caller.actor), "ContactId")
    return {}
