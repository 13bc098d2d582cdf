"""ListQueues, DescribeQueue and SearchQueues: the queues of an instance, as configured."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import MaxLen
from fastapi import APIRouter, Query

from api.bodies import JsonBody
from api.connect.authentication import ByChatsKey
from api.connect.pages import MaxResultsInQuery, NextTokenInQuery, Pages
from api.connect.resource_search import SearchQueues
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath, QueueIdInPath, resource_id
from configuration.schema.instances import InstanceSettings, QueueSettings
from domain.errors import NotFound
from wire.arns import resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

QueueTypes = Annotated[
    Annotated[list[Literal["STANDARD", "AGENT"]], MaxLen(2)] | None,
    Query(alias="queueTypes", description="Agents have no queues of their own."),
]


@router.get("/queues-summary/{InstanceId}")
async def list_queues(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    queue_types: QueueTypes = None,
    next_token: NextTokenInQuery = None,
    max_results: MaxResultsInQuery = None,
) -> dict[str, Any]:
    """ListQueues, by id: those with a table, and those that workstreams name."""
    instance, settings = services.instance(instance_id, caller.instances)
    listed = settings.queue_names if not queue_types or "STANDARD" in queue_types else frozenset[str]()
    pages = Pages(services, f"queues of {instance}", sorted(queue_types or ()))
    page, following = pages.of_names(listed, next_token, max_results)
    queues = [
        {"Id": queue, "Arn": resource_arn(instance, "queue", queue), "Name": queue, "QueueType": "STANDARD"}
        for queue in page
    ]
    return without_none(QueueSummaryList=queues, NextToken=following)


@router.get("/queues/{InstanceId}/{QueueId}")
async def describe_queue(
    instance_id: InstanceIdInPath, queue_id: QueueIdInPath, services: ServicesInRequest, caller: ByChatsKey
) -> dict[str, Any]:
    """DescribeQueue."""
    instance, settings = services.instance(instance_id, caller.instances)
    queue = resource_id(queue_id)
    require_queue(instance, settings, queue)
    return {"Queue": _describe(instance, settings, queue)}


@router.post("/search-queues")
async def search_queues(
    services: ServicesInRequest, caller: ByChatsKey, body: JsonBody[SearchQueues]
) -> dict[str, Any]:
    """SearchQueues by Name and ResourceId. The total is that of the moment."""
    instance, settings = services.instance(body.instance_id, caller.instances)
    criteria = body.search_criteria
    criteria.require_fields("Name", "ResourceId")
    found = [queue for queue in settings.queue_names if criteria.match({"name": queue, "resourceid": queue})]
    pages = Pages(services, f"found queues of {instance}", criteria.model_dump(mode="json"))
    page, following = pages.of_names(found, body.next_token, body.max_results)
    queues = [_describe(instance, settings, queue) for queue in page]
    return without_none(Queues=queues, NextToken=following, ApproximateTotalCount=len(found))


def require_queue(instance: str, settings: InstanceSettings, queue: str, member: str = "QueueId") -> None:
    """Check that an instance has a queue.

    Raises:
        NotFound: it has none.
    """
    if queue not in settings.queue_names:
        raise NotFound(f"{member}: instance {instance!r} has no queue {queue!r}.")


def _describe(instance: str, settings: InstanceSettings, queue: str) -> dict[str, Any]:
    return without_none(
        QueueId=queue,
        QueueArn=resource_arn(instance, "queue", queue),
        Name=queue,
        HoursOfOperationId=settings.queues.get(queue, QueueSettings()).hours,
        Status="ENABLED",
    )
