"""GetCurrentMetricData: what waits in queues, and what their agents do, at this moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from api.bodies import JsonBody
from api.connect.agent_statuses import routable_statuses, status_arn
from api.connect.authentication import ByChatsKey
from api.connect.metric_requests import CurrentMetric, CurrentMetricName, GetCurrentMetricData
from api.connect.pages import DEFAULT_RESULTS, Pages
from api.connect.queues import require_queue
from api.dependencies import ServicesInRequest
from api.openapi import DescribedRoute
from api.paths import InstanceIdInPath, resource_id
from configuration.schema.instances import InstanceSettings
from domain.errors import MalformedRequest
from domain.instants import epoch_seconds
from domain.routing import AgentStatus, RoutingStage
from routing.board import AgentOnBoard, HeldContact, agents_on_board, average_waits, held_contacts
from routing.queues import WAIT_WINDOW
from routing.supervision import queue_lengths
from store.database import Database
from wire.arns import resource_arn
from wire.models import without_none

router = APIRouter(route_class=DescribedRoute)

_GROUPINGS = ((), ("QUEUE",), ("CHANNEL",), ("QUEUE", "CHANNEL"), ("CHANNEL", "QUEUE"), ("QUEUE", "AGENT_STATUS"))


@dataclass(frozen=True, slots=True)
class InstanceBoard:
    """What there is in an instance at an instant.

    Attributes:
        routable: the statuses in which some workstream offers chats.
        least_units: what a conversation uses of a capacity at least.
        held: what uses the agents' capacity.
        waiting: how many contacts wait in each queue, and since when the first does; without empty queues.
        waits: the average of the latest waits in seconds, by queue; empty if nobody asks.
    """

    at: datetime
    routable: frozenset[AgentStatus]
    least_units: int
    agents: Sequence[AgentOnBoard]
    held: Sequence[HeldContact]
    waiting: Mapping[str, tuple[int, datetime]]
    waits: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the board: some queues, the agents who serve one of them, and what these agents hold of them.

    Attributes:
        status: the status that all agents of the group have; None: any.
        free: what each agent has left of the capacity, in units.
    """

    board: InstanceBoard
    queues: Collection[str]
    agents: Sequence[AgentOnBoard]
    held: Sequence[HeldContact]
    free: Mapping[str, int]
    status: AgentStatus | None = None

    @property
    def waiting(self) -> list[tuple[int, datetime]]:
        """How many contacts wait in each queue, and since when."""
        return [self.board.waiting[queue] for queue in self.queues if queue in self.board.waiting]

    def holders(self, *stages: RoutingStage) -> int:
        """The number of agents with a contact in one of these stages that is not only offered."""
        return len({each.user for each in self.held if each.stage in stages and not each.is_offered})

    def with_status(self, status: AgentStatus) -> Group:
        """The part of this group whose agents have a status."""
        return replace(self, agents=[agent for agent in self.agents if agent.status is status], status=status)


def _online(group: Group) -> list[AgentOnBoard]:
    return [agent for agent in group.agents if agent.status is not AgentStatus.OFFLINE]


def _taking(group: Group) -> list[AgentOnBoard]:
    return [agent for agent in group.agents if agent.takes_offers and agent.status in group.board.routable]


def _available(group: Group) -> float:
    return sum(group.free[agent.user] >= group.board.least_units for agent in _taking(group))


def _staffed(group: Group) -> float:
    return sum(agent.status in group.board.routable for agent in group.agents)


def _oldest(group: Group) -> float:
    ages = [(group.board.at - since).total_seconds() for _, since in group.waiting]
    return max(0.0, *ages) if ages else 0.0


def _wait(group: Group) -> float | None:
    (queue,) = group.queues
    return group.board.waits.get(queue)


METRICS: Mapping[CurrentMetricName, Callable[[Group], float | None]] = {
    "AGENTS_ONLINE": lambda group: len(_online(group)),
    "AGENTS_AVAILABLE": _available,
    "AGENTS_STAFFED": _staffed,
    "AGENTS_NON_PRODUCTIVE": lambda group: len(_online(group)) - _staffed(group),
    "AGENTS_ERROR": lambda group: sum(agent.is_disconnected for agent in _online(group)),
    "AGENTS_ON_CONTACT": lambda group: group.holders(RoutingStage.WORKING, RoutingStage.WRAP_UP),
    "AGENTS_ON_CALL": lambda group: group.holders(RoutingStage.WORKING, RoutingStage.WRAP_UP),
    "AGENTS_AFTER_CONTACT_WORK": lambda group: group.holders(RoutingStage.WRAP_UP),
    "CONTACTS_IN_QUEUE": lambda group: sum(count for count, _ in group.waiting),
    "CONTACTS_SCHEDULED": lambda _: 0,
    "OLDEST_CONTACT_AGE": _oldest,
    "SLOTS_ACTIVE": lambda group: sum(each.units for each in group.held),
    "SLOTS_AVAILABLE": lambda group: sum(max(group.free[agent.user], 0) for agent in _taking(group)),
    "ESTIMATED_WAIT_TIME": _wait,
}
"""The value of each metric; None: there is none now. Nothing is ever scheduled."""


@router.post("/metrics/current/{InstanceId}")
async def get_current_metric_data(
    instance_id: InstanceIdInPath,
    services: ServicesInRequest,
    caller: ByChatsKey,
    body: JsonBody[GetCurrentMetricData],
) -> dict[str, Any]:
    """GetCurrentMetricData. Without a filter it is about all queues of the instance."""
    instance, settings = services.instance(instance_id, caller.instances)
    _check_supported(body)
    queues = sorted({resource_id(queue) for queue in body.filters.queues} or settings.queue_names)
    for queue in queues:
        require_queue(instance, settings, queue, "Filters.Queues")
    pages = Pages(
        services, f"metrics of {instance}", body.model_dump(mode="json", exclude={"next_token", "max_results"})
    )
    start, size = pages.position(body.next_token) or 0, body.max_results or DEFAULT_RESULTS
    names = [metric.name for metric in body.current_metrics]
    board = await _read_board(services.db, instance, settings, queues if "ESTIMATED_WAIT_TIME" in names else ())
    groups = [] if body.filters.excludes_chats else _groups(settings, board, queues, body.groupings)
    by, is_descending = body.order
    groups.sort(key=lambda group: METRICS[by](group) or 0, reverse=is_descending)
    following = pages.token(start + size) if len(groups) > start + size else None
    return without_none(
        MetricResults=[
            {
                "Dimensions": _dimensions(instance, group, body.groupings),
                "Collections": [
                    _measured(metric, group, is_grouped=bool(body.groupings)) for metric in body.current_metrics
                ],
            }
            for group in groups[start : start + size]
        ],
        DataSnapshotTime=epoch_seconds(board.at),
        ApproximateTotalCount=len(groups),
        NextToken=following,
    )


def _check_supported(body: GetCurrentMetricData) -> None:
    if body.groupings not in _GROUPINGS:
        served = "; ".join(" and ".join(grouping) for grouping in _GROUPINGS if grouping)
        raise MalformedRequest(f"Groupings: {', '.join(body.groupings)} is not served here; these are: {served}.")
    names = {metric.name for metric in body.current_metrics}
    if "AGENT_STATUS" in body.groupings and names - {"AGENTS_ONLINE"}:
        raise MalformedRequest("CurrentMetrics: for the grouping AGENT_STATUS, only AGENTS_ONLINE can be asked for.")
    if "ESTIMATED_WAIT_TIME" in names and "QUEUE" not in body.groupings:
        raise MalformedRequest("CurrentMetrics: ESTIMATED_WAIT_TIME needs the grouping QUEUE.")
    if body.order[0] == "ESTIMATED_WAIT_TIME" and "QUEUE" not in body.groupings:
        raise MalformedRequest("SortCriteria: ESTIMATED_WAIT_TIME needs the grouping QUEUE.")


async def _read_board(
    db: Database, instance: str, settings: InstanceSettings, waits_of: Sequence[str]
) -> InstanceBoard:
    now = datetime.now(UTC)
    return InstanceBoard(
        at=now,
        routable=routable_statuses(settings),
        least_units=min(workstream.units for workstream in settings.workstreams.values()),
        agents=await agents_on_board(db, instance),
        held=await held_contacts(db, instance, now),
        waiting=await queue_lengths(db, instance),
        waits=await average_waits(db, instance, waits_of, now - WAIT_WINDOW) if waits_of else {},
    )


def _groups(
    settings: InstanceSettings, board: InstanceBoard, queues: Sequence[str], groupings: Sequence[str]
) -> list[Group]:
    free = {agent.user: agent.capacity for agent in board.agents}
    held: dict[str, list[HeldContact]] = {}
    for each in board.held:
        held.setdefault(each.queue, []).append(each)
        if each.user in free:
            free[each.user] -= each.units

    def group(*names: str) -> Group:
        users = {user for name in names for user in settings.agents_serving(name)}
        agents = [agent for agent in board.agents if agent.user in users]
        return Group(board, names, agents, [each for name in names for each in held.get(name, ())], free)

    if "QUEUE" not in groupings:
        return [group(*queues)]
    by_queue = [group(queue) for queue in queues]
    if "AGENT_STATUS" not in groupings:
        return by_queue
    statuses = [status for status in AgentStatus if status is not AgentStatus.OFFLINE]
    return [each.with_status(status) for each in by_queue for status in statuses]


def _dimensions(instance: str, group: Group, groupings: Sequence[str]) -> dict[str, Any]:
    dimensions: dict[str, Any] = {}
    if "QUEUE" in groupings:
        (queue,) = group.queues
        dimensions["Queue"] = {"Id": queue, "Arn": resource_arn(instance, "queue", queue)}
    if "CHANNEL" in groupings:
        dimensions["Channel"] = "CHAT"
    if group.status:
        dimensions["AgentStatus"] = {"Id": group.status, "Arn": status_arn(instance, group.status)}
    return dimensions


def _measured(metric: CurrentMetric, group: Group, *, is_grouped: bool) -> dict[str, Any]:
    value = METRICS[metric.name](group)
    if metric.name == "OLDEST_CONTACT_AGE" and value is not None and not is_grouped:
        value *= 1_000  # as AWS: without groupings it is in milliseconds, though its unit says seconds
    return without_none(
        Metric={"Name": metric.name, "Unit": metric.true_unit}, Value=None if value is None else float(value)
    )
