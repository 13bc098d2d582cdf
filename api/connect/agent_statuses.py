"""ListAgentStatuses: which statuses agents can have, and which of them are routable."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from fastapi import APIRouter, Query

from api.connect.authentication import ByAgentsKey
from api.connect.pages import MaxResultsInQuery, NextTokenInQuery, Pages
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath
from configuration.schema.instances import InstanceSettings
from domain.routing import AgentStatus
from wire.arns import resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

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
    routable = routable_statuses(settings)
    type_of = {status: _type_of(status, routable) for status in AgentStatus}
    listed = {status for status in AgentStatus if not types or type_of[status] in types}
    pages = Pages(services, f"agent statuses of {instance}", sorted(types or ()))
    page, following = pages.of_names(listed, next_token, max_results)
    statuses = [
        {
            "Id": status.value,
            "Arn": status_arn(instance, status),
            "Name": STATUS_NAMES[status],
            "Type": type_of[status],
        }
        for status in map(AgentStatus, page)
    ]
    return without_none(AgentStatusSummaryList=statuses, NextToken=following)


def status_arn(instance: str, status: AgentStatus) -> str:
    """Return the ARN of an agent status."""
    return resource_arn(instance, "agent-state", status)


def routable_statuses(settings: InstanceSettings) -> frozenset[AgentStatus]:
    """Return the statuses in which some workstream of the instance offers chats to agents."""
    named = (status for workstream in settings.workstreams.values() for status in workstream.allowed_statuses)
    return frozenset(map(AgentStatus, named))


def _type_of(status: AgentStatus, routable: Collection[AgentStatus]) -> StatusType:
    if status is AgentStatus.OFFLINE:
        return "OFFLINE"
    return "ROUTABLE" if status in routable else "CUSTOM"
