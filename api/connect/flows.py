"""ListContactFlows, DescribeContactFlow, ListInstances and DescribeInstance: workstreams and instances, read-only."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from annotated_types import Interval, MaxLen
from fastapi import APIRouter, Query

from api.connect.authentication import ByChatsKey
from api.connect.pages import MaxResultsInQuery, NextTokenInQuery, Pages
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import FlowIdInPath, InstanceIdInPath, resource_id
from configuration.schema.instances import InstanceSettings
from domain.errors import NotFound
from wire.arns import instance_arn, resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

INSTANCES_PER_PAGE = 10

FlowType = Literal[
    "CONTACT_FLOW",
    "CUSTOMER_QUEUE",
    "CUSTOMER_HOLD",
    "CUSTOMER_WHISPER",
    "AGENT_HOLD",
    "AGENT_WHISPER",
    "OUTBOUND_WHISPER",
    "AGENT_TRANSFER",
    "QUEUE_TRANSFER",
    "CAMPAIGN",
]
FlowTypes = Annotated[
    Annotated[list[FlowType], MaxLen(10)] | None,
    Query(alias="contactFlowTypes", description="Workstreams have the type CONTACT_FLOW."),
]
FewResults = Annotated[Annotated[int, Interval(ge=1, le=INSTANCES_PER_PAGE)] | None, Query(alias="maxResults")]

_ALIAS = re.compile(r"(?!d-)[0-9A-Za-z]+(-*[0-9A-Za-z])*")
"""What Amazon Connect allows as InstanceAlias, besides its length."""

MAX_ALIAS = 45


@router.get("/contact-flows-summary/{InstanceId}")
async def list_contact_flows(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    types: FlowTypes = None,
    next_token: NextTokenInQuery = None,
    max_results: MaxResultsInQuery = None,
) -> dict[str, Any]:
    """ListContactFlows: the workstreams, by id."""
    instance, settings = services.instance(instance_id, caller.instances)
    listed = settings.workstreams if not types or "CONTACT_FLOW" in types else ()
    pages = Pages(services, f"flows of {instance}", sorted(types or ()))
    page, following = pages.of_names(listed, next_token, max_results)
    flows = [
        {
            "Id": flow,
            "Arn": resource_arn(instance, "contact-flow", flow),
            "Name": flow,
            "ContactFlowType": "CONTACT_FLOW",
            "ContactFlowState": "ACTIVE",
            "ContactFlowStatus": "PUBLISHED",
        }
        for flow in page
    ]
    return without_none(ContactFlowSummaryList=flows, NextToken=following)


@router.get("/contact-flows/{InstanceId}/{ContactFlowId}")
async def describe_contact_flow(
    instance_id: InstanceIdInPath, flow_id: FlowIdInPath, services: ServicesInRequest, caller: ByChatsKey
) -> dict[str, Any]:
    """DescribeContactFlow. A workstream is no program, so there is no Content."""
    instance, settings = services.instance(instance_id, caller.instances)
    flow = resource_id(flow_id)
    if flow not in settings.workstreams:
        raise NotFound(f"ContactFlowId: instance {instance!r} has no workstream {flow!r}.")
    return {
        "ContactFlow": {
            "Id": flow,
            "Arn": resource_arn(instance, "contact-flow", flow),
            "Name": flow,
            "Type": "CONTACT_FLOW",
            "State": "ACTIVE",
            "Status": "PUBLISHED",
        }
    }


@router.get("/instance")
async def list_instances(
    services: ServicesInRequest,
    caller: ByChatsKey,
    next_token: NextTokenInQuery = None,
    max_results: FewResults = None,
) -> dict[str, Any]:
    """ListInstances: those for which the key is good, by id."""
    instances = services.configuration.instances
    allowed = [name for name in instances if not caller.instances or name in caller.instances]
    pages = Pages(services, "instances", sorted(caller.instances))
    page, following = pages.of_names(allowed, next_token, max_results or INSTANCES_PER_PAGE)
    listed = [_describe(instance, instances[instance]) for instance in page]
    return without_none(InstanceSummaryList=listed, NextToken=following)


@router.get("/instance/{InstanceId}")
async def describe_instance(
    instance_id: InstanceIdInPath, services: ServicesInRequest, caller: ByChatsKey
) -> dict[str, Any]:
    """DescribeInstance."""
    return {"Instance": _describe(*services.instance(instance_id, caller.instances))}


def _describe(instance: str, settings: InstanceSettings) -> dict[str, Any]:
    return without_none(
        Id=instance,
        Arn=instance_arn(instance),
        InstanceAlias=instance if len(instance) <= MAX_ALIAS and _ALIAS.fullmatch(instance) else None,
        IdentityManagementType="SAML" if settings.identity_provider else "CONNECT_MANAGED",
        InstanceStatus="ACTIVE",
        InboundCallsEnabled=False,
        OutboundCallsEnabled=False,
    )
