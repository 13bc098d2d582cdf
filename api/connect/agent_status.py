"""ListAgentStatuses, and PutUserStatus: a backend sets the status of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from fastapi import APIRouter, Query, Request

from api.agent.agent_status import change_agent_status
from api.audit import AuditedRoute, begin_audit
from api.bodies import JsonBody
from api.connect.arns import resource_arn
from api.connect.authentication import ByAgentsKey
from api.connect.pages import MaxResultsInQuery, NextTokenInQuery, Pages
from api.dependencies import ServicesInRequest
from api.paths import InstanceIdInPath, UserIdInPath, resource_id
from configuration.schema.instances import InstanceSettings
from domain.errors import NotFound
from domain.routing import AgentStatus
from wire.models import Text, WireModel, without_none

router = APIRouter(route_class=AuditedRoute)

STATUS_NAMES: Mapping[AgentStatus, str] = {
    AgentStatus.AVAILABLE: "Available",
    AgentStatus.BUSY: "Busy",
    AgentStatus.DO_NOT_DISTURB: "Do not disturb",
    AgentStatus.AWAY: "Away",
    AgentStatus.OFFLINE: "Offline",
}
"""The names of the statuses for people. "Available" and "Offline" are those of Amazon Connect, which programs compare."""

StatusType = Literal["ROUTABLE", "CUSTOM", "OFFLINE"]
StatusTypes = Annotated[Annotated[list[StatusType], MaxLen(3)] | None, Query(alias="AgentStatusTypes")]


class PutUserStatus(WireModel):
    """PUT /users/{InstanceId}/{UserId}/status."""

    agent_status_id: Annotated[Text, MinLen(1), MaxLen(256)]


@router.get("/agent-status/{InstanceId}")
async def list_agent_statuses(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByAgentsKey,
    types: StatusTypes = None,
    next_token: NextTokenInQuery = None,
    max_results: MaxResultsInQuery = None,
) -> dict[str, Any]:
    """ListAgentStatuses, by id. Routable are those in which some workstream offers chats."""
    instance, settings = services.instance(instance_id, caller.instances)
    listed = {status for status in AgentStatus if not types or _type_of(settings, status) in types}
    pages = Pages(services, f"agent statuses of {instance}", sorted(types or ()))
    page, following = pages.of_names(listed, next_token, max_results)
    statuses = [
        {
            "Id": status.value,
            "Arn": status_arn(instance, status),
            "Name": STATUS_NAMES[status],
            "Type": _type_of(settings, status),
        }
        for status in map(AgentStatus, page)
    ]
    return without_none(AgentStatusSummaryList=statuses, NextToken=following)


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


def status_arn(instance: str, status: AgentStatus) -> str:
    """Return the ARN of an agent status."""
    return resource_arn(instance, "agent-state", status)


def is_productive(settings: InstanceSettings, status: AgentStatus) -> bool:
    """Whether some workstream of the instance offers chats to agents with a status."""
    return any(status in workstream.allowed_statuses for workstream in settings.workstreams.values())


def _type_of(settings: InstanceSettings, status: AgentStatus) -> StatusType:
    if status is AgentStatus.OFFLINE:
        return "OFFLINE"
    return "ROUTABLE" if is_productive(settings, status) else "CUSTOM"
