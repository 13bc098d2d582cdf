"""PutUserStatus: a backend sets the status of an agent."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Request

from api.agent.agent_status import change_agent_status
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.connect.authentication import ByAgentsKey
from api.dependencies import ServicesInRequest
from api.paths import InstanceIdInPath, UserIdInPath, resource_id
from domain.errors import NotFound
from domain.routing import AgentStatus
from wire.models import Text, WireModel

router = APIRouter(route_class=AuditedRoute)


class PutUserStatus(WireModel):
    """PUT /users/{InstanceId}/{UserId}/status."""

    agent_status_id: Annotated[Text, MinLen(1), MaxLen(256)]


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
    if user not in settings.agents:
        raise NotFound(f"UserId: instance {instance!r} has no agent {user!r}.")
    if status not in list(AgentStatus):
        raise NotFound(f"AgentStatusId: there is no status {status!r}; there are {', '.join(AgentStatus)}.")
    await change_agent_status(services, instance, user, AgentStatus(status), when_free=True)
    return {}
